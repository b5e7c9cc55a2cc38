/*
 * What works with secrets: decryption, and powers with a secret exponent. Constant time for primes
 * and exponents: fixed windows, tables read in full, no branch on a secret. What may be learnt from
 * time: sizes, how many items, and which ciphertexts and bases are invalid.
 */
#ifndef PAILLIER_SECRET_H
#define PAILLIER_SECRET_H

#include "public.h"

enum { SECRET_WINDOW_BITS = 5 };

/* One prime's half: everything modulo p, or modulo q. */
typedef struct {
  uint8_t prime[MODULUS_BITS_MAX / 16]; /* big-endian; what follows is from secret_prepare */
  ring wide;
  ring narrow;
  uint64_t *wide_divisor;   /* Montgomery form of L(g^(p-1))^-1 = -q^-1 mod p, all lanes */
  uint64_t *narrow_divisor;
  uint64_t *digits_wide;    /* of p - 1, as ring_power wants them */
  uint64_t *digits_narrow;
  int windows;
  arena memory;
  /* For encryption: powers of hs mod p^2, and q R, q R^2 mod p. */
  table *table;
  uint64_t *cofactor;
  uint64_t *cofactor_r;
} secret_half;

typedef struct {
  int references;
  int bits;
  kernel_pair kernels;
  secret_half p;
  secret_half q;
  pthread_mutex_t lock; /* whoever has it prepares the key, or builds its tables */
  _Atomic int is_prepared;
  /* For encryption: p^2, and p^-2 and -p^-2 mod q^2 in Montgomery form. */
  arena memory;
  uint64_t *p_squared;
  uint64_t *crt;
  uint64_t *crt_minus;
  _Atomic int can_encrypt;
} secret_key;

/*
 * From primes of bits/16 bytes each, big-endian: copies them and computes nothing. NULL when there
 * is no memory.
 */
secret_key *secret_open(const uint8_t *p, const uint8_t *q, int bits, kernel_pair kernels);
secret_key *secret_retain(secret_key *key);
void secret_release(secret_key *key);

/* What every other use of the key needs, made by the first call alone. DONE or NO_MEMORY. */
int secret_prepare(secret_key *key);

/* Plaintexts of bits/8 bytes for ciphertexts of bits/4. NOT_A_UNIT when some c is none. */
int decrypt(const secret_key *key, const uint8_t *ciphertexts, size_t count, uint8_t *out);

/*
 * Tables of hs (big-endian, bits/4 bytes) mod p^2 and q^2, once. DONE, NO_MEMORY or
 * BASE_NOT_A_UNIT.
 */
int secret_build_tables(secret_key *key, const uint8_t *hs, int window_bits);

/*
 * The same bytes as `encrypt` with the public key, by the Chinese remainder theorem at half its cost.
 * The key has tables. Its table look-ups depend on the blinding exponents, as those of `encrypt` do.
 */
int secret_encrypt(const secret_key *key, const uint8_t *messages, const uint8_t *blindings,
                   size_t count, uint8_t *out);

/* Takes them back; no encryption is under way. */
void secret_free_tables(secret_key *key);

/* x^-1 mod p in Montgomery form, for x in that form and p big-endian. Constant time. */
void fermat_inverse(const ring *g, uint64_t *r, const uint64_t *x, const uint8_t *p, arena *work);

/* sum c_i R^i mod p^2 in Montgomery form, for parts c_i < R, 4 at most. `part` is a dual number. */
void reduce_parts(const ring *g, uint64_t *x, const uint64_t *c, int parts, uint64_t *part,
                  uint64_t *scratch);

/*
 * c^e mod n^2 for one secret exponent of `width` bytes, big-endian (a trustee's partial decryption:
 * Damgard, Jurik, Nielsen 2010, section 4.1), c < n^2.
 */
int secret_power(const public_key *key, const uint8_t *ciphertexts, size_t count,
                 const uint8_t *exponent, size_t width, uint8_t *out);

#endif
