/*
 * What a kernel offers: Montgomery arithmetic on `lanes` independent numbers at once, all for one
 * modulus. All that is Paillier's is written once over this table of functions.
 *
 * A number is `limbs` words a lane, least significant first: word [limb * lanes + lane], each below
 * 2^limb_bits. R = 2^(limb_bits * limbs) is at least 2^12 n, so a product of two numbers below 4n,
 * reduced, is below 1.1n, and no step needs a final subtraction (Walter, "Montgomery exponentiation
 * needs no final subtractions", 1999).
 *
 * Numbers modulo n^2 are *dual*: (a, b) stands for a + n b, two numbers one after the other. A
 * product then costs half-width operations only. With a1 a2 + m n = R a' (Montgomery, 1985),
 *
 *   (a1 + n b1)(a2 + n b2) = R a' + n (a1 b2 + b1 a2 - m)   (mod n^2),
 *
 * so a' = REDC(a1 a2) and b' = REDC(a1 b2 + b1 a2 - m), where m are the very digits that the first
 * reduction found: 5 h^2 word products for h limbs instead of 8 h^2, a square 3.5 h^2, and a product
 * with a number below n (b2 = 0) 4 h^2.
 *
 * No function branches on, or takes an address from, the value of a number. A result may overwrite
 * the first operand, in dual_mul also the second. `scratch` has kernel_scratch_words() words, is
 * overwritten, and belongs to one thread.
 */
#ifndef PAILLIER_KERNEL_H
#define PAILLIER_KERNEL_H

#include <stddef.h>
#include <stdint.h>

enum { LANES_MAX = 8, MODULUS_BITS_MAX = 8192 };

typedef struct {
  int limbs;
  uint64_t n0_inverse;    /* -n^-1 mod 2^limb_bits */
  const uint64_t *n;      /* one word a limb */
  const uint64_t *n_lanes; /* the same in every lane */
} modulus;

typedef struct {
  const char *name;
  int lanes;
  int limb_bits;

  /* Limbs for a modulus of `bits`. */
  int (*limbs)(int bits);

  /* From and to one row of `bytes` (a multiple of 8) a lane; the rest of the limbs is zero. */
  void (*load)(uint64_t *r, int limbs, const uint8_t *const rows[], int bytes, int big_endian,
               uint64_t *scratch);
  void (*store)(uint8_t *const rows[], int bytes, int big_endian, const uint64_t *x, int limbs,
                uint64_t *scratch);

  /* a b / R mod n. */
  void (*mul)(const modulus *m, uint64_t *r, const uint64_t *a, const uint64_t *b,
              uint64_t *scratch);

  /* x y / R, x^2 / R and x t / R mod n^2, the last for a number t < n. */
  void (*dual_mul)(const modulus *m, uint64_t *r, const uint64_t *x, const uint64_t *y,
                   uint64_t *scratch);
  void (*dual_sqr)(const modulus *m, uint64_t *r, const uint64_t *x, uint64_t *scratch);
  void (*dual_step)(const modulus *m, uint64_t *r, const uint64_t *x, const uint64_t *t,
                    uint64_t *scratch);

  /* c / R as a dual number, for c < n^2 of 2 * limbs limbs. */
  void (*dual_from)(const modulus *m, uint64_t *r, const uint64_t *c, uint64_t *scratch);

  /* The same dual number with a < n and b < n; for a < 3n and b < 3n. */
  void (*dual_reduce)(const modulus *m, uint64_t *x, uint64_t *scratch);

  /* x y as a plain product of 2 * limbs limbs, plus `addend` (limbs limbs). */
  void (*mul_plain)(int limbs, uint64_t *r, const uint64_t *x, const uint64_t *y,
                    const uint64_t *addend, uint64_t *scratch);

  /* r + a without carrying, up to 2^10 times; then `carry`. */
  void (*accumulate)(int limbs, uint64_t *r, const uint64_t *a);
  void (*carry)(int limbs, uint64_t *r);

  /* x - y if that is not negative, else x - y + n; for x, y < n. */
  void (*sub)(const modulus *m, uint64_t *r, const uint64_t *x, const uint64_t *y);

  /* x - n if that is not negative, else x. */
  void (*reduce_once)(const modulus *m, uint64_t *x, uint64_t *scratch);

  /* table[digits[lane]] for each lane, by reading all `count` entries of `words` words. */
  void (*select)(uint64_t *r, const uint64_t *table, size_t words, int count,
                 const uint32_t digits[]);
} kernel;

/* Enough for every function above. */
static inline size_t kernel_scratch_words(const kernel *k, int limbs) {
  return (size_t)k->lanes * (size_t)(8 * limbs + 32);
}

extern const kernel generic_kernel; /* any machine with 128-bit integers */
extern const kernel mulx_kernel;    /* x86-64 with BMI2 and ADX */
extern const kernel ifma_kernel;    /* x86-64 with AVX512-IFMA */

/* Whether this machine can run it. The last two exist on x86-64 only. */
int mulx_is_here(void);
int ifma_is_here(void);

#endif
