/*
 * Rows of bytes to the numbers of the kernel `ifma` and back: eight rows become vectors of one word
 * of each, and words of 64 bits become limbs of 52.
 */
#if defined(__x86_64__)

#include "ifma.h"

/* Eight vectors of eight words become eight vectors of one word of each. */
INLINE void transpose(vec v[LANES]) {
  vec pairs[LANES];
  vec fours[LANES];
  UNROLL for (int i = 0; i < LANES; i += 2) {
    pairs[i] = _mm512_unpacklo_epi64(v[i], v[i + 1]);
    pairs[i + 1] = _mm512_unpackhi_epi64(v[i], v[i + 1]);
  }
  UNROLL for (int i = 0; i < LANES; i += 4) {
    UNROLL for (int j = 0; j < 2; j++) {
      fours[i + j] = _mm512_shuffle_i64x2(pairs[i + j], pairs[i + j + 2], 0x88);
      fours[i + j + 2] = _mm512_shuffle_i64x2(pairs[i + j], pairs[i + j + 2], 0xDD);
    }
  }
  UNROLL for (int j = 0; j < 4; j++) {
    v[j] = _mm512_shuffle_i64x2(fours[j], fours[j + 4], 0x88);
    v[j + 4] = _mm512_shuffle_i64x2(fours[j], fours[j + 4], 0xDD);
  }
}

INLINE vec swap_bytes(vec v) {
  const vec order = _mm512_broadcast_i32x4(
      _mm_set_epi8(8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
  return _mm512_shuffle_epi8(v, order);
}

/* Rows to words, eight at a time, then words of 64 bits to limbs of 52. */
TARGET void ifma_load(uint64_t *r, int limbs, const uint8_t *const rows[], int bytes,
                      int big_endian, uint64_t *scratch) {
  const int words = bytes / 8;
  for (int at = 0; at < words; at += LANES) {
    const int some = words - at < LANES ? words - at : LANES;
    const __mmask8 present = (__mmask8)((1 << some) - 1);
    const ptrdiff_t from = 8 * (ptrdiff_t)(big_endian ? words - at - some : at);
    vec v[LANES];
    UNROLL for (int lane = 0; lane < LANES; lane++) {
      v[lane] = _mm512_maskz_loadu_epi64(present, rows[lane] + from);
    }
    transpose(v);
    for (int i = 0; i < some; i++) {
      write(scratch, at + i, big_endian ? swap_bytes(v[some - 1 - i]) : v[i]);
    }
  }
  write(scratch, words, _mm512_setzero_si512());
  for (int i = 0; i < limbs; i++) {
    const int word = i * LIMB_BITS / 64;
    const int shift = i * LIMB_BITS % 64;
    vec limb = _mm512_setzero_si512();
    if (word < words) {
      limb = _mm512_or_si512(
          _mm512_srl_epi64(read(scratch, word), _mm_cvtsi32_si128(shift)),
          _mm512_sll_epi64(read(scratch, word + 1), _mm_cvtsi32_si128(64 - shift)));
    }
    write(r, i, _mm512_and_si512(limb, low_mask()));
  }
}

TARGET void ifma_store(uint8_t *const rows[], int bytes, int big_endian, const uint64_t *x,
                       int limbs, uint64_t *scratch) {
  const int words = bytes / 8;
  const vec zero = _mm512_setzero_si512();
  for (int i = 0; i < words; i++) {
    const int limb = 64 * i / LIMB_BITS;
    const int shift = 64 * i % LIMB_BITS;
    vec word = zero;
    for (int j = 0; j < 3 && limb + j < limbs; j++) {
      const vec part = read(x, limb + j);
      const int left = j * LIMB_BITS - shift;
      word = _mm512_or_si512(word, left < 0 ? _mm512_srl_epi64(part, _mm_cvtsi32_si128(-left))
                                            : _mm512_sll_epi64(part, _mm_cvtsi32_si128(left)));
    }
    write(scratch, i, word);
  }
  for (int at = 0; at < words; at += LANES) {
    const int some = words - at < LANES ? words - at : LANES;
    const __mmask8 present = (__mmask8)((1 << some) - 1);
    const ptrdiff_t from = 8 * (ptrdiff_t)(big_endian ? words - at - some : at);
    vec v[LANES];
    for (int i = 0; i < LANES; i++) {
      v[i] = i >= some ? zero
             : big_endian ? swap_bytes(read(scratch, at + some - 1 - i))
                          : read(scratch, at + i);
    }
    transpose(v);
    UNROLL for (int lane = 0; lane < LANES; lane++) {
      _mm512_mask_storeu_epi64(rows[lane] + from, present, v[lane]);
    }
  }
}

#endif
