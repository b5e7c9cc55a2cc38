#include "public.h"

#include <stdlib.h>
#include <string.h>

#include "inverse.h"

/* What one call works with: rows of a lane each, and pieces of memory. */
typedef struct {
  const ring *g;
  const kernel *k;
  size_t width; /* bytes of a ciphertext */
  arena work;
  uint64_t *scratch;
  uint8_t *nowhere; /* where lanes without an item write */
} bench;

static int bench_open(bench *b, const ring *g, size_t words) {
  b->g = g;
  b->k = g->k;
  b->width = (size_t)g->bits / 4;
  if (!arena_open(&b->work, words + ring_scratch_words(g) + b->width / 8 + 64)) return 0;
  b->scratch = arena_take(&b->work, ring_scratch_words(g));
  b->nowhere = (uint8_t *)arena_take(&b->work, b->width / 8);
  return 1;
}

static uint64_t *take_number(bench *b) { return arena_take(&b->work, b->g->number); }
static uint64_t *take_dual(bench *b) { return arena_take(&b->work, 2 * b->g->number); }

/* Rows of items first, first + 1, ...; lanes beyond the last read it again. */
static void rows_in(const uint8_t *rows[], const bench *b, const uint8_t *items, size_t width,
                    size_t first, size_t count) {
  for (int lane = 0; lane < b->k->lanes; lane++) {
    const size_t at = first + (size_t)lane < count ? first + (size_t)lane : count - 1;
    rows[lane] = items + at * width;
  }
}

static void rows_out(uint8_t *rows[], const bench *b, uint8_t *items, size_t first, size_t count) {
  for (int lane = 0; lane < b->k->lanes; lane++) {
    const size_t at = first + (size_t)lane;
    rows[lane] = at < count ? items + at * b->width : b->nowhere;
  }
}

/* Ciphertexts to c / R. */
static void load_dual(bench *b, uint64_t *x, const uint8_t *const rows[]) {
  b->k->load(x, 2 * b->g->m.limbs, rows, (int)b->width, 1, b->scratch);
  b->k->dual_from(&b->g->m, x, x, b->scratch);
}

/* Ciphertexts to Montgomery form. */
static void load_montgomery(bench *b, uint64_t *x, const uint8_t *const rows[]) {
  load_dual(b, x, rows);
  b->k->dual_mul(&b->g->m, x, x, b->g->r[3], b->scratch);
}

/* Out of Montgomery form, to rows. */
static void store_montgomery(bench *b, uint8_t *const rows[], uint64_t *x) {
  b->k->dual_step(&b->g->m, x, x, b->g->r[0], b->scratch);
  ring_store(b->g, rows, x, b->scratch);
}

static void copy_lane(const bench *b, uint64_t *to, const uint64_t *from, int to_lane,
                      int from_lane) {
  const int lanes = b->k->lanes;
  for (int i = 0; i < 2 * b->g->m.limbs; i++) to[i * lanes + to_lane] = from[i * lanes + from_lane];
}

/* b += a M mod n for the plain dual (a, b): times 1 + n M. M < 2^11 n, in limbs that carry. */
static void times_message(bench *b, uint64_t *x, const uint64_t *message, uint64_t *product) {
  const ring *const g = b->g;
  b->k->mul(&g->m, product, x, message, b->scratch);
  b->k->mul(&g->m, product, product, g->r[2], b->scratch); /* begins with R^2 mod n */
  b->k->accumulate(g->m.limbs, x + g->number, product);
  b->k->carry(g->m.limbs, x + g->number);
}

int encrypt(const public_key *key, const uint8_t *messages, const uint8_t *ciphertexts,
            const uint8_t *blindings, size_t count, uint8_t *out) {
  const table *const t = atomic_load(&key->table);
  const ring *const g = &key_ring(key, count)->g;
  const kernel *const k = g->k;
  const int limbs = g->m.limbs;
  const int bytes = g->bits / 8;
  const size_t blinding = (size_t)g->bits / 16;
  const size_t entry = 2 * (size_t)bytes;
  bench b;
  if (!bench_open(&b, g, 11 * g->number)) return NO_MEMORY;
  uint64_t *const start = take_dual(&b);
  uint64_t *const x = take_dual(&b);
  uint64_t *const lifts = take_number(&b);
  uint64_t *const factor = take_number(&b);
  uint64_t *const lift = take_number(&b);
  const uint8_t *rows[LANES_MAX], *exponents[LANES_MAX], *entries[LANES_MAX], *uppers[LANES_MAX];
  uint8_t *results[LANES_MAX];

  /* Every step divides by R; c / R begins with one division more, and its product has another. */
  ring_r_power(g, start, (unsigned)t->windows + (ciphertexts == NULL ? 0 : 2), b.scratch);
  for (size_t at = 0; at < count; at += (size_t)k->lanes) {
    rows_in(exponents, &b, blindings, blinding, at, count);
    rows_out(results, &b, out, at, count);
    memcpy(x, start, 16 * g->number);
    if (ciphertexts != NULL) {
      rows_in(rows, &b, ciphertexts, b.width, at, count);
      load_dual(&b, x, rows);
      k->dual_mul(&g->m, x, x, start, b.scratch);
    }
    memset(lifts, 0, 8 * g->number);
    if (messages != NULL) {
      rows_in(rows, &b, messages, (size_t)bytes, at, count);
      k->load(lifts, limbs, rows, bytes, 1, b.scratch);
    }
    for (int window = 0; window < t->windows; window++) {
      for (int lane = 0; lane < k->lanes; lane++) {
        const uint32_t digit = digit_of(exponents[lane], blinding, t->window_bits, window);
        entries[lane] = t->entries + (((size_t)window << t->window_bits) + digit) * entry;
        uppers[lane] = entries[lane] + bytes;
        const uint32_t next = digit_of(exponents[lane], blinding, t->window_bits, window + 1);
        if (window + 1 == t->windows) continue;
        const uint8_t *const ahead =
            t->entries + (((size_t)(window + 1) << t->window_bits) + next) * entry;
        for (size_t line = 0; line < entry; line += 64) __builtin_prefetch(ahead + line);
      }
      k->load(factor, limbs, entries, bytes, 0, b.scratch);
      k->load(lift, limbs, uppers, bytes, 0, b.scratch);
      k->dual_step(&g->m, x, x, factor, b.scratch);
      k->accumulate(limbs, lifts, lift);
    }
    k->carry(limbs, lifts);
    times_message(&b, x, lifts, factor);
    ring_store(g, results, x, b.scratch);
  }
  arena_close(&b.work);
  return DONE;
}

int add_messages(const public_key *key, const uint8_t *messages, const uint8_t *ciphertexts,
                 size_t count, uint8_t *out) {
  const ring *const g = &key_ring(key, count)->g;
  const int bytes = g->bits / 8;
  bench b;
  if (!bench_open(&b, g, 4 * g->number)) return NO_MEMORY;
  uint64_t *const x = take_dual(&b);
  uint64_t *const message = take_number(&b);
  uint64_t *const product = take_number(&b);
  const uint8_t *rows[LANES_MAX];
  uint8_t *results[LANES_MAX];
  for (size_t at = 0; at < count; at += (size_t)g->k->lanes) {
    rows_in(rows, &b, ciphertexts, b.width, at, count);
    load_dual(&b, x, rows);
    g->k->dual_mul(&g->m, x, x, g->r[2], b.scratch);
    rows_in(rows, &b, messages, (size_t)bytes, at, count);
    g->k->load(message, g->m.limbs, rows, bytes, 1, b.scratch);
    times_message(&b, x, message, product);
    rows_out(results, &b, out, at, count);
    ring_store(g, results, x, b.scratch);
  }
  arena_close(&b.work);
  return DONE;
}

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
typedef void multiply_segments(bench *b, uint64_t *x, const segment *list, size_t count,
                               void *context);

/*
 * Runs every segment and multiplies those of a group together. Segments come in the order of their
 * groups, so a group's product is complete when the next group's first segment appears.
 */
static int multiply_groups(bench *b, const segment *list, size_t segments, uint8_t *out,
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
static void choose_lanes(const bench *b, uint64_t *r, const segment *list, size_t count, int bit,
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
static void multiply_factors(bench *b, uint64_t *x, const segment *list, size_t count,
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
  bench b;
  if (list == NULL) return NO_MEMORY;
  if (!bench_open(&b, g, 8 * g->number)) {
    free(list);
    return NO_MEMORY;
  }
  product_context context = {corrections, ciphertexts, take_dual(&b)};
  const int result = multiply_groups(&b, list, segments, out, multiply_factors, &context);
  arena_close(&b.work);
  free(list);
  return result;
}

/* Factors of a segment in multi_power: their tables stay in the second-level cache. */
enum { POWER_FACTORS_MAX = 8, POWER_WINDOW_BITS = 3 };

typedef struct {
  const uint8_t *ciphertexts;
  const uint8_t *exponents;
  size_t width;
  uint64_t *tables; /* for each factor of a segment, its first 2^w powers */
  uint64_t *factor;
} power_context;

/* Straus, "Addition chains of vectors" (1964): all factors of a segment share the squarings. */
static void raise_factors(bench *b, uint64_t *x, const segment *list, size_t count,
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

int multi_power(const public_key *key, const uint8_t *ciphertexts, const uint8_t *exponents,
                size_t width, const uint32_t *sizes, size_t groups, uint8_t *out) {
  size_t total = 0;
  for (size_t i = 0; i < groups; i++) total += sizes[i];
  const ring *const g = &key_ring(key, total)->g;
  const size_t dual = 2 * g->number;
  const size_t tables = ((size_t)POWER_FACTORS_MAX << POWER_WINDOW_BITS) * dual;
  size_t segments = 0;
  segment *const list = cut(sizes, groups, POWER_FACTORS_MAX, &segments);
  bench b;
  if (list == NULL) return NO_MEMORY;
  if (!bench_open(&b, g, tables + 4 * dual)) {
    free(list);
    return NO_MEMORY;
  }
  power_context context = {ciphertexts, exponents, width, arena_take(&b.work, tables),
                           take_dual(&b)};
  const int result = multiply_groups(&b, list, segments, out, raise_factors, &context);
  arena_close(&b.work);
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
  bench b;
  if (list == NULL) return NO_MEMORY;
  if (!bench_open(&b, g, 4 * g->number)) {
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
  arena_close(&b.work);
  free(list);
  return DONE;
}

/* x^-1 in Montgomery form for one number, narrow: a^-1 (1 - n b / a) for a + n b. */
static int invert(bench *b, const public_key *key, uint64_t *x) {
  const ring *const g = b->g;
  const kernel *const k = g->k;
  const int bytes = g->bits / 8;
  uint8_t plain[MODULUS_BITS_MAX / 8];
  uint8_t inverse[MODULUS_BITS_MAX / 8];
  uint8_t *const to[1] = {plain};
  const uint8_t *const from[1] = {inverse};
  uint64_t *const value = take_dual(b);
  uint64_t *const start = take_dual(b);
  k->dual_step(&g->m, value, x, g->r[0], b->scratch);
  k->dual_reduce(&g->m, value, b->scratch);
  k->store(to, bytes, 0, value, g->m.limbs, b->scratch);
  if (!inverse_modulo(inverse, plain, key->n, bytes)) return 0;
  /* y = a^-1 mod n is right mod n; y (2 - x y) is right mod n^2 (Newton). */
  memset(start, 0, 16 * g->number);
  k->load(start, g->m.limbs, from, bytes, 0, b->scratch);
  k->dual_mul(&g->m, start, start, g->r[2], b->scratch); /* y R */
  k->dual_mul(&g->m, value, x, start, b->scratch);       /* x y R, = R (1 + n e) */
  k->dual_step(&g->m, value, value, g->r[0], b->scratch); /* 1 + n e */
  k->dual_reduce(&g->m, value, b->scratch);
  uint64_t *const zero = take_number(b);
  memset(zero, 0, 8 * g->number);
  k->sub(&g->m, value + g->number, zero, value + g->number); /* 1 - n e */
  k->dual_mul(&g->m, value, value, g->r[2], b->scratch);
  k->dual_mul(&g->m, x, start, value, b->scratch);
  return 1;
}

/* Montgomery's trick: one inversion for all, three products each. */
int divide(const public_key *key, const uint8_t *ciphertexts, const uint8_t *divisors,
           size_t count, uint8_t *out) {
  const ring *const g = &key->narrow.g;
  const kernel *const k = g->k;
  const size_t dual = 2 * g->number;
  const uint8_t *rows[LANES_MAX];
  uint8_t *results[LANES_MAX];
  bench b;
  if (!bench_open(&b, g, (count + 6) * dual + 2 * g->number)) return NO_MEMORY;
  uint64_t *const all = take_dual(&b);
  uint64_t *const x = take_dual(&b);
  uint64_t *const prefixes = arena_take(&b.work, count * dual);
  memcpy(all, g->r[1], 8 * dual);
  for (size_t i = 0; i < count; i++) {
    memcpy(prefixes + i * dual, all, 8 * dual);
    rows_in(rows, &b, divisors, b.width, i, count);
    load_montgomery(&b, x, rows);
    k->dual_mul(&g->m, all, all, x, b.scratch);
  }
  int result = invert(&b, key, all) ? DONE : NOT_A_UNIT;
  for (size_t i = count; i-- > 0 && result == DONE;) {
    uint64_t *const prefix = prefixes + i * dual;
    k->dual_mul(&g->m, prefix, prefix, all, b.scratch); /* d_i^-1 */
    rows_in(rows, &b, divisors, b.width, i, count);
    load_montgomery(&b, x, rows);
    k->dual_mul(&g->m, all, all, x, b.scratch);
    rows_in(rows, &b, ciphertexts, b.width, i, count);
    load_montgomery(&b, x, rows);
    k->dual_mul(&g->m, x, x, prefix, b.scratch);
    rows_out(results, &b, out, i, count);
    store_montgomery(&b, results, x);
  }
  arena_close(&b.work);
  return result;
}

/* Whether c mod n, for one number c / R, has an inverse. */
static int is_unit(bench *b, const public_key *key, uint64_t *x, int lane) {
  const int bytes = b->g->bits / 8;
  uint8_t value[LANES_MAX][MODULUS_BITS_MAX / 8];
  uint8_t *rows[LANES_MAX];
  uint8_t inverse[MODULUS_BITS_MAX / 8];
  for (int i = 0; i < LANES_MAX; i++) rows[i] = value[i];
  for (int i = 0; i < 3; i++) b->k->reduce_once(&b->g->m, x, b->scratch);
  b->k->store(rows, bytes, 0, x, b->g->m.limbs, b->scratch);
  return inverse_modulo(inverse, value[lane], key->n, bytes);
}

/* One test for the product of all; only when it fails, one each. */
int check(const public_key *key, const uint8_t *ciphertexts, size_t count, uint8_t *out) {
  const ring *const g = &key_ring(key, count)->g;
  const kernel *const k = g->k;
  const uint8_t *rows[LANES_MAX];
  bench b;
  if (!bench_open(&b, g, 6 * g->number)) return NO_MEMORY;
  uint64_t *const all = take_number(&b);
  uint64_t *const x = take_dual(&b);
  memcpy(all, g->r[1], 8 * g->number); /* R mod n */
  for (size_t i = 0; i < count; i++) {
    out[i] = memcmp(ciphertexts + i * b.width, key->n2, b.width) < 0;
  }
  int are_units = 1;
  for (int pass = 0; pass < 2; pass++) {
    for (size_t at = 0; at < count; at += (size_t)k->lanes) {
      rows_in(rows, &b, ciphertexts, b.width, at, count);
      for (int lane = 0; lane < k->lanes; lane++) {
        const size_t i = at + (size_t)lane;
        if (i < count && !out[i]) rows[lane] = key->n2; /* is 0, told from units below */
      }
      load_dual(&b, x, rows);
      if (pass == 0) {
        for (int lane = 0; lane < k->lanes; lane++) {
          const size_t i = at + (size_t)lane;
          if (i >= count || !out[i]) copy_lane(&b, x, g->r[1], lane, lane);
        }
        k->mul(&g->m, all, all, x, b.scratch);
        continue;
      }
      for (int lane = 0; lane < k->lanes; lane++) {
        const size_t i = at + (size_t)lane;
        if (i < count && out[i]) out[i] = (uint8_t)is_unit(&b, key, x, lane);
      }
    }
    if (pass == 1) break;
    for (int lane = 0; lane < k->lanes && are_units; lane++) are_units = is_unit(&b, key, all, lane);
    if (are_units) break;
  }
  arena_close(&b.work);
  return DONE;
}
