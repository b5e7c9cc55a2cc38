/*
 * The kernel for x86-64 with AVX512-IFMA: eight numbers side by side, one in each 64-bit lane, on
 * limbs of 52 bits (Gueron, Krasnov, "Accelerating big integer arithmetic using Intel IFMA extensions",
 * ARITH 2016; Edamatsu, Takahashi, "Acceleration of large integer multiplication with Intel AVX-512
 * IFMA instructions", 2018).
 *
 * A 64-bit word gathers up to 2^11 half products of 52 bits before anyone carries, so products are
 * added without carries, and a reduction carries once. Words are signed: the
 * digits of another reduction may have been taken off.
 *
 * Ten rows at a time: their factors and a window of eleven words stay in registers, so that a load,
 * a load-and-store and a broadcast serve twenty multiplications. The multiplier is the limit.
 */
#if defined(__x86_64__)

#include <cpuid.h>
#include <string.h>

#include "ifma.h"

enum { ROWS = 10, HEADROOM_BITS = 16 };

static int ifma_limbs(int bits) {
  const int limbs = (bits + HEADROOM_BITS + LIMB_BITS - 1) / LIMB_BITS;
  return (limbs + ROWS - 1) / ROWS * ROWS;
}

TARGET static void clear(uint64_t *x, int limbs) {
  for (int i = 0; i < limbs; i++) write(x, i, _mm512_setzero_si512());
}

/* One column of ten rows: window[s] += low(x f[s]), window[s + 1] += high(x f[s]). */
INLINE void column(vec window[ROWS + 1], vec x, const vec factors[ROWS]) {
  UNROLL for (int s = 0; s < ROWS; s++) {
    window[s] = _mm512_madd52lo_epu64(window[s], x, factors[s]);
  }
  UNROLL for (int s = 0; s < ROWS; s++) {
    window[s + 1] = _mm512_madd52hi_epu64(window[s + 1], x, factors[s]);
  }
}

/*
 * acc[0..count + ROWS) += a[0..count) * ten factors. With `fresh`, the top ten words of acc are
 * written for the first time.
 */
INLINE void rows_times(uint64_t *acc, const uint64_t *a, int count, const vec factors[ROWS],
                       int fresh) {
  vec window[ROWS + 1];
  UNROLL for (int s = 0; s < ROWS; s++) window[s] = read(acc, s);
  const int known = fresh ? count - ROWS : count;
  int j = 0;
  for (; j < known; j++) {
    window[ROWS] = read(acc, j + ROWS);
    column(window, read(a, j), factors);
    write(acc, j, window[0]);
    UNROLL for (int s = 0; s < ROWS; s++) window[s] = window[s + 1];
  }
  for (; j < count; j++) {
    window[ROWS] = _mm512_setzero_si512();
    column(window, read(a, j), factors);
    write(acc, j, window[0]);
    UNROLL for (int s = 0; s < ROWS; s++) window[s] = window[s + 1];
  }
  UNROLL for (int s = 0; s < ROWS; s++) write(acc, count + s, window[s]);
}

INLINE void read_rows(vec factors[ROWS], const uint64_t *b, int i) {
  UNROLL for (int s = 0; s < ROWS; s++) factors[s] = read(b, i + s);
}

/* acc[0..2h) = acc[0..h) + a b, without carries. */
TARGET static void multiply(uint64_t *acc, const uint64_t *a, const uint64_t *b, int limbs) {
  for (int i = 0; i < limbs; i += ROWS) {
    vec factors[ROWS];
    read_rows(factors, b, i);
    rows_times(acc + (ptrdiff_t)LANES * i, a, limbs, factors, 1);
  }
}

/* acc[0..2h) += a b, without carries. */
TARGET static void multiply_more(uint64_t *acc, const uint64_t *a, const uint64_t *b, int limbs) {
  for (int i = 0; i < limbs; i += ROWS) {
    vec factors[ROWS];
    read_rows(factors, b, i);
    rows_times(acc + (ptrdiff_t)LANES * i, a, limbs, factors, 0);
  }
}

/* acc[0..2h) = a^2 without carries: products above the diagonal, doubled, and the diagonal. */
TARGET static void square(uint64_t *acc, const uint64_t *a, int limbs) {
  clear(acc, 2 * limbs);
  for (int i = 0; i < limbs; i += ROWS) {
    vec factors[ROWS];
    read_rows(factors, a, i);
    vec inner[2 * ROWS];
    UNROLL for (int s = 0; s < 2 * ROWS; s++) inner[s] = read(acc, 2 * i + s);
    UNROLL for (int s = 0; s < ROWS; s++) {
      UNROLL for (int t = s + 1; t < ROWS; t++) {
        inner[s + t] = _mm512_madd52lo_epu64(inner[s + t], factors[s], factors[t]);
        inner[s + t + 1] = _mm512_madd52hi_epu64(inner[s + t + 1], factors[s], factors[t]);
      }
    }
    UNROLL for (int s = 0; s < 2 * ROWS; s++) write(acc, 2 * i + s, inner[s]);
    rows_times(acc + (ptrdiff_t)LANES * (2 * i + ROWS), a + (ptrdiff_t)LANES * (i + ROWS),
               limbs - i - ROWS, factors, 0);
  }
  for (int i = 0; i < limbs; i++) {
    const vec x = read(a, i);
    const vec even = read(acc, 2 * i);
    const vec odd = read(acc, 2 * i + 1);
    write(acc, 2 * i, _mm512_madd52lo_epu64(_mm512_add_epi64(even, even), x, x));
    write(acc, 2 * i + 1, _mm512_madd52hi_epu64(_mm512_add_epi64(odd, odd), x, x));
  }
}

/* r[0..limbs) = the words of x, carried; the whole value is not negative and fits. */
TARGET static void carry_words(uint64_t *r, const uint64_t *x, int limbs) {
  vec carry = _mm512_setzero_si512();
  for (int i = 0; i < limbs; i++) {
    const vec word = _mm512_add_epi64(read(x, i), carry);
    write(r, i, _mm512_and_si512(word, low_mask()));
    carry = _mm512_srai_epi64(word, LIMB_BITS);
  }
}

/*
 * r = (acc + digits * n) / R, and the digits. Ten digits at a time: first the triangle that finds
 * them, then the rest of their rows.
 */
TARGET static void reduce(const modulus *m, uint64_t *r, uint64_t *acc, uint64_t *digits) {
  const int limbs = m->limbs;
  const uint64_t *const n = m->n;
  const vec inverse = _mm512_set1_epi64((long long)m->n0_inverse);
  const vec zero = _mm512_setzero_si512();
  for (int i = 0; i < limbs; i += ROWS) {
    uint64_t *const at = acc + (ptrdiff_t)LANES * i;
    vec words[2 * ROWS];
    vec found[ROWS];
    UNROLL for (int s = 0; s <= ROWS; s++) words[s] = read(at, s);
    UNROLL for (int s = 0; s < ROWS; s++) {
      found[s] = _mm512_madd52lo_epu64(zero, words[s], inverse);
      write(digits, i + s, found[s]);
      UNROLL for (int t = 0; t + s < ROWS; t++) {
        const vec limb = _mm512_set1_epi64((long long)n[t]);
        words[s + t] = _mm512_madd52lo_epu64(words[s + t], found[s], limb);
        words[s + t + 1] = _mm512_madd52hi_epu64(words[s + t + 1], found[s], limb);
      }
      words[s + 1] = _mm512_add_epi64(words[s + 1], _mm512_srai_epi64(words[s], LIMB_BITS));
    }
    UNROLL for (int s = ROWS + 1; s < 2 * ROWS; s++) words[s] = read(at, s);
    UNROLL for (int t = 1; t < ROWS; t++) {
      const vec limb = _mm512_set1_epi64((long long)n[t]);
      UNROLL for (int s = ROWS - t; s < ROWS; s++) {
        words[s + t] = _mm512_madd52lo_epu64(words[s + t], found[s], limb);
        words[s + t + 1] = _mm512_madd52hi_epu64(words[s + t + 1], found[s], limb);
      }
    }
    vec window[ROWS + 1];
    UNROLL for (int s = 0; s < ROWS; s++) window[s] = words[ROWS + s];
    for (int j = ROWS; j < limbs; j++) {
      window[ROWS] = read(at, j + ROWS);
      column(window, _mm512_set1_epi64((long long)n[j]), found);
      write(at, j, window[0]);
      UNROLL for (int s = 0; s < ROWS; s++) window[s] = window[s + 1];
    }
    UNROLL for (int s = 0; s < ROWS; s++) write(at, limbs + s, window[s]);
  }
  carry_words(r, acc + (ptrdiff_t)LANES * limbs, limbs);
}

TARGET static void ifma_mul(const modulus *m, uint64_t *r, const uint64_t *a, const uint64_t *b,
                            uint64_t *scratch) {
  clear(scratch, m->limbs);
  multiply(scratch, a, b, m->limbs);
  reduce(m, r, scratch, scratch + 2 * LANES * (ptrdiff_t)m->limbs);
}

/*
 * The dual number (low, high) / R, with what the first reduction adds taken off the second, or
 * (low, 2 high) / R when `doubled`. r may be what low and high were made of.
 */
INLINE void reduce_dual(const modulus *m, uint64_t *r, uint64_t *low, uint64_t *high,
                        uint64_t *digits, int doubled) {
  const int h = m->limbs;
  reduce(m, r, low, digits);
  for (int i = 0; i < h; i++) {
    const vec word = read(high, i);
    const vec taken = doubled ? _mm512_add_epi64(word, word) : word;
    write(high, i, _mm512_sub_epi64(taken, read(digits, i)));
  }
  for (int i = h; i < 2 * h && doubled; i++) {
    write(high, i, _mm512_add_epi64(read(high, i), read(high, i)));
  }
  reduce(m, r + (ptrdiff_t)LANES * h, high, digits);
}

TARGET static void ifma_dual_mul(const modulus *m, uint64_t *r, const uint64_t *x,
                                 const uint64_t *y, uint64_t *scratch) {
  const int h = m->limbs;
  const ptrdiff_t half = (ptrdiff_t)LANES * h;
  uint64_t *const low = scratch;
  uint64_t *const high = scratch + 2 * half;
  clear(high, h);
  multiply(high, x, y + half, h);
  multiply_more(high, x + half, y, h);
  clear(low, h);
  multiply(low, x, y, h);
  reduce_dual(m, r, low, high, scratch + 4 * half, 0);
}

TARGET static void ifma_dual_sqr(const modulus *m, uint64_t *r, const uint64_t *x,
                                 uint64_t *scratch) {
  const int h = m->limbs;
  const ptrdiff_t half = (ptrdiff_t)LANES * h;
  uint64_t *const low = scratch;
  uint64_t *const high = scratch + 2 * half;
  clear(high, h);
  multiply(high, x, x + half, h);
  square(low, x, h);
  reduce_dual(m, r, low, high, scratch + 4 * half, 1);
}

TARGET static void ifma_dual_step(const modulus *m, uint64_t *r, const uint64_t *x,
                                  const uint64_t *t, uint64_t *scratch) {
  const int h = m->limbs;
  const ptrdiff_t half = (ptrdiff_t)LANES * h;
  uint64_t *const low = scratch;
  uint64_t *const high = scratch + 2 * half;
  clear(high, h);
  multiply(high, x + half, t, h);
  clear(low, h);
  multiply(low, x, t, h);
  reduce_dual(m, r, low, high, scratch + 4 * half, 0);
}

/* c = c0 + R c1, and c0 + digits n = R t: c / R = (t + c1) - n digits / R (mod n^2). */
TARGET static void ifma_dual_from(const modulus *m, uint64_t *r, const uint64_t *c,
                                  uint64_t *scratch) {
  const int h = m->limbs;
  const ptrdiff_t half = (ptrdiff_t)LANES * h;
  uint64_t *const low = scratch;
  uint64_t *const high = scratch + 2 * half;
  memcpy(low, c, 16 * (size_t)half);
  clear(high, 2 * h);
  reduce_dual(m, r, low, high, scratch + 4 * half, 0);
}

/* x -= n in the lanes where that is not negative; returns 1 in those, else 0. */
TARGET static vec subtract_modulus(const modulus *m, uint64_t *x, uint64_t *scratch) {
  vec borrow = _mm512_setzero_si512();
  for (int i = 0; i < m->limbs; i++) {
    const vec limb = _mm512_set1_epi64((long long)m->n[i]);
    const vec word = _mm512_add_epi64(_mm512_sub_epi64(read(x, i), limb), borrow);
    write(scratch, i, _mm512_and_si512(word, low_mask()));
    borrow = _mm512_srai_epi64(word, LIMB_BITS);
  }
  for (int i = 0; i < m->limbs; i++) { /* borrow is all ones where x stays */
    write(x, i, _mm512_ternarylogic_epi64(borrow, read(x, i), read(scratch, i), 0xCA));
  }
  return _mm512_add_epi64(borrow, _mm512_set1_epi64(1));
}

TARGET static void ifma_reduce_once(const modulus *m, uint64_t *x, uint64_t *scratch) {
  (void)subtract_modulus(m, x, scratch);
}

TARGET static void ifma_dual_reduce(const modulus *m, uint64_t *x, uint64_t *scratch) {
  uint64_t *const b = x + (ptrdiff_t)LANES * m->limbs;
  const vec first = subtract_modulus(m, x, scratch);
  const vec over = _mm512_add_epi64(first, subtract_modulus(m, x, scratch));
  write(b, 0, _mm512_add_epi64(read(b, 0), over));
  carry_words(b, b, m->limbs);
  for (int i = 0; i < 3; i++) (void)subtract_modulus(m, b, scratch);
}

TARGET static void ifma_mul_plain(int limbs, uint64_t *r, const uint64_t *x, const uint64_t *y,
                                  const uint64_t *addend, uint64_t *scratch) {
  memcpy(scratch, addend, 8 * LANES * (size_t)limbs);
  multiply(scratch, x, y, limbs);
  carry_words(r, scratch, 2 * limbs);
}

TARGET static void ifma_accumulate(int limbs, uint64_t *r, const uint64_t *a) {
  for (int i = 0; i < limbs; i++) write(r, i, _mm512_add_epi64(read(r, i), read(a, i)));
}

TARGET static void ifma_carry(int limbs, uint64_t *r) { carry_words(r, r, limbs); }

TARGET static void ifma_sub(const modulus *m, uint64_t *r, const uint64_t *x, const uint64_t *y) {
  vec borrow = _mm512_setzero_si512();
  for (int i = 0; i < m->limbs; i++) {
    const vec word = _mm512_add_epi64(_mm512_sub_epi64(read(x, i), read(y, i)), borrow);
    write(r, i, _mm512_and_si512(word, low_mask()));
    borrow = _mm512_srai_epi64(word, LIMB_BITS);
  }
  vec carry = _mm512_setzero_si512();
  for (int i = 0; i < m->limbs; i++) {
    const vec limb = _mm512_and_si512(_mm512_set1_epi64((long long)m->n[i]), borrow);
    const vec word = _mm512_add_epi64(_mm512_add_epi64(read(r, i), limb), carry);
    write(r, i, _mm512_and_si512(word, low_mask()));
    carry = _mm512_srai_epi64(word, LIMB_BITS);
  }
}

TARGET static void ifma_select(uint64_t *r, const uint64_t *table, size_t words, int count,
                               const uint32_t digits[]) {
  const vec wanted = _mm512_cvtepu32_epi64(_mm256_loadu_si256((const __m256i *)digits));
  const int vectors = (int)(words / LANES); /* a multiple of ROWS */
  for (int at = 0; at < vectors; at += ROWS) {
    vec sum[ROWS];
    UNROLL for (int s = 0; s < ROWS; s++) sum[s] = _mm512_setzero_si512();
    for (int entry = 0; entry < count; entry++) {
      const vec same = _mm512_movm_epi64(_mm512_cmpeq_epi64_mask(wanted, _mm512_set1_epi64(entry)));
      const uint64_t *const from = table + (size_t)entry * words;
      UNROLL for (int s = 0; s < ROWS; s++) { /* sum | (word & same): every word is read */
        sum[s] = _mm512_ternarylogic_epi64(sum[s], read(from, at + s), same, 0xF8);
      }
    }
    UNROLL for (int s = 0; s < ROWS; s++) write(r, at + s, sum[s]);
  }
}

const kernel ifma_kernel = {
    .name = "ifma",
    .lanes = LANES,
    .limb_bits = LIMB_BITS,
    .limbs = ifma_limbs,
    .load = ifma_load,
    .store = ifma_store,
    .mul = ifma_mul,
    .dual_mul = ifma_dual_mul,
    .dual_sqr = ifma_dual_sqr,
    .dual_step = ifma_dual_step,
    .dual_from = ifma_dual_from,
    .dual_reduce = ifma_dual_reduce,
    .mul_plain = ifma_mul_plain,
    .accumulate = ifma_accumulate,
    .carry = ifma_carry,
    .sub = ifma_sub,
    .reduce_once = ifma_reduce_once,
    .select = ifma_select,
};

/* CPUID leaf 7: the instructions. XCR0: the operating system keeps the wide registers (SDM 1, 13.3). */
int ifma_is_here(void) {
  unsigned int a, b, c, d, low, high;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE)) return 0;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  if ((low & 0xE6) != 0xE6 || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
  const unsigned int needed =
      bit_AVX512F | bit_AVX512DQ | bit_AVX512IFMA | bit_AVX512BW | bit_AVX512VL;
  return (b & needed) == needed;
}

#else

#include "kernel.h"
int ifma_is_here(void) { return 0; }

#endif
