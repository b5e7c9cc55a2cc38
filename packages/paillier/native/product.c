#include "public.h"

#include <stdlib.h>
#include <string.h>

#include "batch.h"

/* A run of factors of one group, for one lane. */
typedef struct {
  size_t first;
  uint32_t count;
  uint32_t group;
} segment;

/* Groups cut into runs of at most `longest`. NULL when there is no memory. */
static segment *cut(const uint32_t *sizes, size_t groups, uint32_t longest, size_t *segments) {
  size_t total = 0;
  for (size_t i = 0; i < groups; i++) total += (sizes[i] + longest - 1) / longest;
  segment *const list = malloc(total * sizeof *list);
  if (list == NULL) return NULL;
  size_t item = 0;
  *segments = 0;
  for (size_t i = 0; i < groups; i++) {
    for (uint32_t left = sizes[i]; left > 0;) {
      const uint32_t part = left < longest ? left : longest;
      list[(*segments)++] = (segment){item, part, (uint32_t)i};
      item += part;
      left -= part;
    }
  }
  return list;
}

/* What turns a batch of up to `lanes` segments into their products, in Montgomery form. */
typedef void multiply_segments(batch *b, uint64_t *x, const segment *list, size_t count,
                               void *context);

/*
 * Runs every segment and multiplies those of a group together. Segments come in the order of their
 * groups, so a group's product is complete when the next group's first segment appears.
 */
static int multiply_groups(batch *b, const segment *list, size_t segments, uint8_t *out,
                           multiply_segments *run, void *context) {
  const kernel *const k = b->k;
  uint64_t *const x = take_dual(b);
  uint64_t *const sum = take_dual(b);
  uint64_t *const lane_of = take_dual(b);
  uint8_t *rows[LANES_MAX];
  memcpy(lane_of, b->g->r[1], 16 * b->g->number);
  int waiting = 0; /* lanes of `sum` that hold products of whole or begun groups */
  uint32_t groups[LANES_MAX];
  for (size_t at = 0; at < segments; at += (size_t)k->lanes) {
    const size_t some = segments - at < (size_t)k->lanes ? segments - at : (size_t)k->lanes;
    run(b, x, list + at, some, context);
    for (size_t i = 0; i < some; i++) {
      const uint32_t group = list[at + i].group;
      if (waiting > 0 && groups[waiting - 1] == group) {
        memcpy(lane_of, b->g->r[1], 16 * b->g->number); /* one, but for this lane */
        copy_lane(b, lane_of, x, waiting - 1, (int)i);
        k->dual_mul(&b->g->m, sum, sum, lane_of, b->scratch);
        continue;
      }
      if (waiting == k->lanes) {
        for (int lane = 0; lane < waiting; lane++) rows[lane] = out + groups[lane] * b->width;
        store_montgomery(b, rows, sum);
        waiting = 0;
      }
      if (waiting == 0) memcpy(sum, b->g->r[1], 16 * b->g->number);
      copy_lane(b, sum, x, waiting, (int)i);
      groups[waiting++] = group;
    }
  }
  for (int lane = 0; lane < k->lanes; lane++) {
    rows[lane] = lane < waiting ? out + groups[lane] * b->width : b->nowhere;
  }
  store_montgomery(b, rows, sum);
  return DONE;
}

typedef struct {
  const product_ring *corrections;
  const uint8_t *ciphertexts;
  uint64_t *factor;
} product_context;

/* For each lane, one of two duals by bit `bit` of its count. */
static void choose_lanes(const batch *b, uint64_t *r, const segment *list, size_t count, int bit,
                         const uint64_t *set, const uint64_t *unset) {
  for (int lane = 0; lane < b->k->lanes; lane++) {
    const int is_set = (size_t)lane < count && (list[lane].count >> bit & 1);
    copy_lane(b, r, is_set ? set : unset, lane, lane);
  }
}

/*
 * c_1 / R times c_2 / R ... divides by R twice a factor: 2N times for N factors, repaid by R^(2N + 1)
 * for a result in Montgomery form, the low bits of N at the start and the others at the end.
 */
static void multiply_factors(batch *b, uint64_t *x, const segment *list, size_t count,
                             void *context) {
  const product_context *const p = context;
  const kernel *const k = b->k;
  const size_t dual = 2 * b->g->number;
  const uint8_t *rows[LANES_MAX];
  uint32_t longest = 0;
  for (int lane = 0; lane < k->lanes; lane++) {
    const uint32_t factors = (size_t)lane < count ? list[lane].count : 0;
    if (factors > longest) longest = factors;
    copy_lane(b, x, p->corrections->low + (factors & ((1 << CORRECTION_BITS) - 1)) * dual, lane, lane);
  }
  for (uint32_t i = 0; i < longest; i++) {
    for (int lane = 0; lane < k->lanes; lane++) {
      const segment *const s = list + ((size_t)lane < count ? (size_t)lane : 0);
      rows[lane] = p->ciphertexts + (s->first + (i < s->count ? i : 0)) * b->width;
    }
    load_dual(b, p->factor, rows);
    for (int lane = 0; lane < k->lanes; lane++) { /* a lane that has ended multiplies by one */
      const int has_ended = (size_t)lane >= count || i >= list[lane].count;
      if (has_ended) copy_lane(b, p->factor, b->g->r[1], lane, lane);
    }
    k->dual_mul(&b->g->m, x, x, p->factor, b->scratch);
  }
  for (int bit = CORRECTION_BITS; longest >> bit > 0; bit++) {
    const uint64_t *const power = p->corrections->high + (size_t)(bit - CORRECTION_BITS) * dual;
    choose_lanes(b, p->factor, list, count, bit, power, b->g->r[1]);
    k->dual_mul(&b->g->m, x, x, p->factor, b->scratch);
  }
}

int product(const public_key *key, const uint8_t *ciphertexts, const uint32_t *sizes,
            size_t groups, uint8_t *out) {
  size_t total = 0;
  for (size_t i = 0; i < groups; i++) total += sizes[i];
  const product_ring *const corrections = key_ring(key, total);
  const ring *const g = &corrections->g;
  /* An equal share of all factors for each lane, but nothing shorter than is worth a lane. */
  const size_t share = (total + (size_t)g->k->lanes - 1) / (size_t)g->k->lanes;
  size_t segments = 0;
  segment *const list = cut(sizes, groups, (uint32_t)(share < 16 ? 16 : share), &segments);
  batch b;
  if (list == NULL) return NO_MEMORY;
  if (!batch_open(&b, g, 8 * g->number)) {
    free(list);
    return NO_MEMORY;
  }
  product_context context = {corrections, ciphertexts, take_dual(&b)};
  const int result = multiply_groups(&b, list, segments, out, multiply_factors, &context);
  batch_close(&b);
  free(list);
  return result;
}

/* Factors of a segment in weighted_product: their tables stay in the second-level cache. */
enum { POWER_FACTORS_MAX = 8, POWER_WINDOW_BITS = 3 };

typedef struct {
  const uint8_t *ciphertexts;
  const uint8_t *exponents;
  size_t width;
  uint64_t *tables; /* for each factor of a segment, its first 2^w powers */
  uint64_t *factor;
} power_context;

/* Straus, "Addition chains of vectors" (1964): all factors of a segment share the squarings. */
static void raise_factors(batch *b, uint64_t *x, const segment *list, size_t count,
                          void *context) {
  const power_context *const p = context;
  const kernel *const k = b->k;
  const modulus *const m = &b->g->m;
  const size_t dual = 2 * b->g->number;
  const size_t entries = (size_t)1 << POWER_WINDOW_BITS;
  const uint8_t *rows[LANES_MAX];
  uint32_t longest = 0;
  for (size_t lane = 0; lane < count; lane++) {
    if (list[lane].count > longest) longest = list[lane].count;
  }
  for (uint32_t i = 0; i < longest; i++) {
    uint64_t *const powers = p->tables + i * entries * dual;
    for (int lane = 0; lane < k->lanes; lane++) {
      const segment *const s = list + ((size_t)lane < count ? (size_t)lane : 0);
      rows[lane] = p->ciphertexts + (s->first + (i < s->count ? i : 0)) * b->width;
    }
    memcpy(powers, b->g->r[1], 8 * dual);
    load_montgomery(b, powers + dual, rows);
    for (size_t e = 2; e < entries; e++) {
      uint64_t *const entry = powers + e * dual;
      if (e % 2 == 0) k->dual_sqr(m, entry, powers + e / 2 * dual, b->scratch);
      else k->dual_mul(m, entry, entry - dual, powers + dual, b->scratch);
    }
  }
  const int windows = (int)((8 * p->width + POWER_WINDOW_BITS - 1) / POWER_WINDOW_BITS);
  memcpy(x, b->g->r[1], 8 * dual);
  for (int window = windows - 1; window >= 0; window--) {
    for (int bit = 0; bit < POWER_WINDOW_BITS && window + 1 < windows; bit++) {
      k->dual_sqr(m, x, x, b->scratch);
    }
    for (uint32_t i = 0; i < longest; i++) {
      uint32_t digits[LANES_MAX] = {0};
      for (size_t lane = 0; lane < count; lane++) {
        if (i >= list[lane].count) continue; /* digit 0: times one */
        const uint8_t *const exponent = p->exponents + (list[lane].first + i) * p->width;
        digits[lane] = digit_of(exponent, p->width, POWER_WINDOW_BITS, window);
      }
      k->select(p->factor, p->tables + i * entries * dual, dual, (int)entries, digits);
      k->dual_mul(m, x, x, p->factor, b->scratch);
    }
  }
}

int weighted_product(const public_key *key, const uint8_t *ciphertexts, const uint8_t *exponents,
                size_t width, const uint32_t *sizes, size_t groups, uint8_t *out) {
  size_t total = 0;
  for (size_t i = 0; i < groups; i++) total += sizes[i];
  const ring *const g = &key_ring(key, total)->g;
  const size_t dual = 2 * g->number;
  const size_t tables = ((size_t)POWER_FACTORS_MAX << POWER_WINDOW_BITS) * dual;
  size_t segments = 0;
  segment *const list = cut(sizes, groups, POWER_FACTORS_MAX, &segments);
  batch b;
  if (list == NULL) return NO_MEMORY;
  if (!batch_open(&b, g, tables + 4 * dual)) {
    free(list);
    return NO_MEMORY;
  }
  power_context context = {ciphertexts, exponents, width, arena_take(&b.work, tables),
                           take_dual(&b)};
  const int result = multiply_groups(&b, list, segments, out, raise_factors, &context);
  batch_close(&b);
  free(list);
  return result;
}

int repack(const public_key *key, const uint8_t *ciphertexts, int shift, const uint32_t *sizes,
           size_t groups, uint8_t *out) {
  const ring *const g = &key_ring(key, groups)->g;
  const kernel *const k = g->k;
  size_t total = 0;
  for (size_t i = 0; i < groups; i++) total += sizes[i];
  size_t segments = 0;
  segment *const list = cut(sizes, groups, (uint32_t)total, &segments);
  batch b;
  if (list == NULL) return NO_MEMORY;
  if (!batch_open(&b, g, 4 * g->number)) {
    free(list);
    return NO_MEMORY;
  }
  uint64_t *const x = take_dual(&b);
  uint64_t *const factor = take_dual(&b);
  for (size_t at = 0; at < segments; at += (size_t)k->lanes) {
    const size_t some = segments - at < (size_t)k->lanes ? segments - at : (size_t)k->lanes;
    const uint8_t *rows[LANES_MAX];
    uint8_t *results[LANES_MAX];
    uint32_t longest = 0;
    for (size_t lane = 0; lane < some; lane++) {
      if (list[at + lane].count > longest) longest = list[at + lane].count;
    }
    rows_out(results, &b, out, at, segments);
    memcpy(x, g->r[1], 16 * g->number);
    /* Shorter groups join later: squares of one are one. */
    for (uint32_t i = 0; i < longest; i++) {
      for (int bit = 0; bit < shift && i > 0; bit++) k->dual_sqr(&g->m, x, x, b.scratch);
      uint32_t absent[LANES_MAX];
      for (size_t lane = 0; lane < (size_t)k->lanes; lane++) {
        const segment *const s = list + at + (lane < some ? lane : 0);
        absent[lane] = longest - s->count;
        rows[lane] = ciphertexts + (s->first + (i >= absent[lane] ? i - absent[lane] : 0)) * b.width;
      }
      load_montgomery(&b, factor, rows);
      for (int lane = 0; lane < k->lanes; lane++) {
        if (i < absent[lane]) copy_lane(&b, factor, g->r[1], lane, lane);
      }
      k->dual_mul(&g->m, x, x, factor, b.scratch);
    }
    store_montgomery(&b, results, x);
  }
  batch_close(&b);
  free(list);
  return DONE;
}
