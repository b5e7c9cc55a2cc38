#include "ring.h"

#include <stdlib.h>
#include <string.h>

/* Pieces begin at multiples of the alignment; what that costs all pieces of an arena, at most. */
enum { ROUNDING_WORDS = 256 };
enum { ALIGNMENT = 64, WORDS_64_MAX = MODULUS_BITS_MAX / 64 + 1 };

int arena_open(arena *a, size_t words) {
  const size_t rounded = (8 * (words + ROUNDING_WORDS) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  a->memory = aligned_alloc(ALIGNMENT, rounded);
  a->words = rounded / 8;
  a->used = 0;
  return a->memory != NULL;
}

uint64_t *arena_take(arena *a, size_t words) {
  const size_t aligned = (words + 7) / 8 * 8;
  if (aligned > a->words - a->used) abort(); /* a miscount in this library */
  uint64_t *const piece = a->memory + a->used;
  a->used += aligned;
  return piece;
}

void arena_close(arena *a) {
  if (a->memory == NULL) return;
  wipe(a->memory, 8 * a->words);
  free(a->memory);
  a->memory = NULL;
}

void wipe(void *memory, size_t bytes) {
  memset(memory, 0, bytes);
  __asm__ volatile("" : : "r"(memory) : "memory"); /* the compiler may not drop it */
}

/* x <- 2x mod n, returning what went over: 1 when n was taken off. Limbs of 64 bits. */
static uint64_t double_modulo(uint64_t *x, const uint64_t *n, int limbs) {
  uint64_t top = 0;
  uint64_t borrow = 0;
  uint64_t less[WORDS_64_MAX];
  for (int i = 0; i < limbs; i++) {
    const uint64_t word = (x[i] << 1) | top;
    top = x[i] >> 63;
    x[i] = word;
  }
  for (int i = 0; i < limbs; i++) {
    const uint64_t difference = x[i] - n[i];
    const uint64_t next = (x[i] < n[i]) | ((difference < borrow) & 1);
    less[i] = difference - borrow;
    borrow = next;
  }
  const uint64_t over = 1 - borrow; /* limbs leave room for the doubled number */
  for (int i = 0; i < limbs; i++) x[i] = (less[i] & (0 - over)) | (x[i] & ~(0 - over));
  wipe(less, sizeof less);
  return over;
}

/* The dual number (a, b) <- 2 (a, b): what a gives up, b gains. */
static void double_dual(uint64_t *a, uint64_t *b, const uint64_t *n, int limbs) {
  const uint64_t over = double_modulo(a, n, limbs);
  (void)double_modulo(b, n, limbs);
  uint64_t carry = over;
  uint64_t equal = 1;
  for (int i = 0; i < limbs; i++) {
    b[i] += carry;
    carry &= b[i] == 0;
    equal &= b[i] == n[i];
  }
  for (int i = 0; i < limbs; i++) b[i] &= equal - 1; /* n stands for 0 */
}

/* Writes a number of 64-bit limbs into every lane. */
static void spread(const ring *g, uint64_t *to, const uint64_t *limbs64, uint64_t *scratch) {
  uint8_t bytes[8 * WORDS_64_MAX];
  const uint8_t *rows[LANES_MAX];
  for (int i = 0; i < g->bits / 64; i++) {
    for (int j = 0; j < 8; j++) bytes[8 * i + j] = (uint8_t)(limbs64[i] >> (8 * j));
  }
  for (int lane = 0; lane < LANES_MAX; lane++) rows[lane] = bytes;
  g->k->load(to, g->m.limbs, rows, g->bits / 8, 0, scratch);
  wipe(bytes, sizeof bytes);
}

/* -n^-1 mod 2^limb_bits; each turn doubles the bits that are right (Dumas, "On Newton-Raphson
   iteration for multiplicative inverses modulo prime powers", 2014). */
static uint64_t negative_inverse(uint64_t n0, int limb_bits) {
  uint64_t inverse = n0;
  for (int i = 0; i < 6; i++) inverse *= 2 - n0 * inverse;
  return (0 - inverse) & (limb_bits == 64 ? ~0ULL : (1ULL << limb_bits) - 1);
}

int ring_open(ring *g, const kernel *k, const uint8_t *n, int bits) {
  const int limbs = k->limbs(bits);
  const size_t number = (size_t)limbs * (size_t)k->lanes;
  memset(g, 0, sizeof *g);
  g->k = k;
  g->bits = bits;
  g->number = number;
  const size_t constants = (size_t)limbs + 8 + number + R_POWERS * 2 * number;
  arena work;
  if (!arena_open(&g->memory, constants)) return 0;
  if (!arena_open(&work, kernel_scratch_words(k, limbs))) {
    arena_close(&g->memory);
    return 0;
  }
  uint64_t n64[WORDS_64_MAX] = {0};
  uint64_t a[WORDS_64_MAX] = {1};
  uint64_t b[WORDS_64_MAX] = {0};
  const int limbs64 = bits / 64 + 1;
  for (int i = 0; i < bits / 8; i++) n64[i / 8] |= (uint64_t)n[i] << (8 * (i % 8));

  uint64_t *const one_lane = arena_take(&g->memory, (size_t)limbs);
  uint64_t *const all_lanes = arena_take(&g->memory, number);
  g->m = (modulus){limbs, negative_inverse(n64[0], k->limb_bits), one_lane, all_lanes};
  spread(g, all_lanes, n64, work.memory);
  for (int i = 0; i < limbs; i++) one_lane[i] = all_lanes[i * k->lanes];
  for (int power = 0; power < R_POWERS; power++) {
    g->r[power] = arena_take(&g->memory, 2 * number);
    spread(g, g->r[power], a, work.memory);
    spread(g, g->r[power] + number, b, work.memory);
    for (int i = 0; i < limbs * k->limb_bits; i++) double_dual(a, b, n64, limbs64);
  }
  wipe(n64, sizeof n64);
  wipe(a, sizeof a);
  wipe(b, sizeof b);
  arena_close(&work);
  return 1;
}

void ring_close(ring *g) { arena_close(&g->memory); }

/* R^i R^j / R: products add what is above one. */
void ring_r_power(const ring *g, uint64_t *r, unsigned exponent, uint64_t *scratch) {
  const unsigned above = exponent - 1;
  int bit = 31;
  while (bit >= 0 && !(above >> bit & 1)) bit--;
  memcpy(r, g->r[1], 16 * g->number);
  for (; bit >= 0; bit--) {
    g->k->dual_mul(&g->m, r, r, r, scratch);
    if (above >> bit & 1) g->k->dual_mul(&g->m, r, r, g->r[2], scratch);
  }
}

size_t ring_power_words(const ring *g, int window_bits) {
  return (((size_t)1 << window_bits) + 1) * 2 * g->number;
}

void ring_power(const ring *g, uint64_t *x, int window_bits, int count, const uint32_t *digits,
                uint64_t *memory, uint64_t *scratch) {
  const kernel *const k = g->k;
  const size_t dual = 2 * g->number;
  const int entries = 1 << window_bits;
  uint64_t *const factor = memory + (size_t)entries * dual;
  memcpy(memory, g->r[1], 8 * dual);
  memcpy(memory + dual, x, 8 * dual);
  for (int i = 2; i < entries; i++) {
    uint64_t *const entry = memory + (size_t)i * dual;
    if (i % 2 == 0) k->dual_sqr(&g->m, entry, memory + (size_t)(i / 2) * dual, scratch);
    else k->dual_mul(&g->m, entry, entry - dual, x, scratch);
  }
  k->select(x, memory, dual, entries, digits);
  for (int i = 1; i < count; i++) {
    for (int j = 0; j < window_bits; j++) k->dual_sqr(&g->m, x, x, scratch);
    k->select(factor, memory, dual, entries, digits + (size_t)i * (size_t)k->lanes);
    k->dual_mul(&g->m, x, x, factor, scratch);
  }
}

void ring_store(const ring *g, uint8_t *const rows[], uint64_t *x, uint64_t *scratch) {
  const kernel *const k = g->k;
  k->dual_reduce(&g->m, x, scratch);
  k->mul_plain(g->m.limbs, x, g->m.n_lanes, x + g->number, x, scratch);
  k->store(rows, g->bits / 4, 1, x, 2 * g->m.limbs, scratch);
}

uint32_t digit_of(const uint8_t *number, size_t bytes, int window_bits, int index) {
  const size_t low = (size_t)window_bits * (size_t)index;
  uint32_t digit = 0;
  for (size_t byte = 0; byte < 3; byte++) {
    const size_t at = low / 8 + byte;
    if (at < bytes) digit |= (uint32_t)number[bytes - 1 - at] << (8 * byte);
  }
  return digit >> (low % 8) & ((1U << window_bits) - 1);
}
