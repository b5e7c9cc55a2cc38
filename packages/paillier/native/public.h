/*
 * What works on public keys, prepared ones: whole batches, ciphertexts of bits/4 bytes and messages
 * of bits/8, big-endian, items one after the other. Each function returns DONE, NO_MEMORY or
 * NOT_A_UNIT. Callers check lengths, and that every ciphertext is below n^2 where noted.
 */
#ifndef PAILLIER_PUBLIC_H
#define PAILLIER_PUBLIC_H

#include "key.h"

/*
 * (1 + M n) hs^a mod n^2 for messages M, or c hs^a for ciphertexts c < n^2 when `messages` is NULL;
 * with neither, hs^a. Blinding exponents a of bits/16 bytes. The key has a table.
 */
int encrypt(const public_key *key, const uint8_t *messages, const uint8_t *ciphertexts,
            const uint8_t *blindings, size_t count, uint8_t *out);

/* (1 + M n) z mod n^2 for z < n^2: encryption with a power of hs that was made earlier. */
int encrypt_blinded(const public_key *key, const uint8_t *messages, const uint8_t *ciphertexts,
                    size_t count, uint8_t *out);

/* One product for each group; sizes add up to the number of ciphertexts, each below n^2. */
int product(const public_key *key, const uint8_t *ciphertexts, const uint32_t *sizes,
            size_t groups, uint8_t *out);

/* Product over each group of c^e, exponents of `width` bytes, c < n^2. */
int weighted_product(const public_key *key, const uint8_t *ciphertexts, const uint8_t *exponents,
                size_t width, const uint32_t *sizes, size_t groups, uint8_t *out);

/* (...(c_1^(2^shift) c_2)^(2^shift) ...) c_s for each group: plaintexts side by side, c < n^2. */
int repack(const public_key *key, const uint8_t *ciphertexts, int shift, const uint32_t *sizes,
           size_t groups, uint8_t *out);

/* c d^-1 mod n^2, pair by pair, c and d < n^2. NOT_A_UNIT when some d has none. */
int divide(const public_key *key, const uint8_t *ciphertexts, const uint8_t *divisors,
           size_t count, uint8_t *out);

/* One byte each: 1 when 0 < c < n^2 and gcd(c, n) = 1, else 0. Any c. */
int check(const public_key *key, const uint8_t *ciphertexts, size_t count, uint8_t *out);

#endif
