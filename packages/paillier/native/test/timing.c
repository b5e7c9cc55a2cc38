/*
 * Does time tell classes of inputs apart? timing KERNEL SECONDS: dudect (Reparaz, Balasch,
 * Verbauwhede, "Dude, is my code constant time?", DATE 2017): two classes in random order, Welch's
 * t of their cycles, also with the slowest measurements cut off at several heights. |t| above 4.5
 * is suspicious, above 10 a leak. Both classes work at the same addresses. Prints "KERNEL CASE
 * MEASUREMENTS T". The case "leaky" must be told apart. On standard input: two pairs p, q of 1024
 * bits each.
 */
#include <math.h>
#include <time.h>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

#include "input.h"

enum { BITS = 2048, CROPS = 10, WARM_UP = 50, MEASUREMENTS_MAX = 100000, ITEMS = 8,
       EXPONENT = 16 };

static uint64_t now(void) {
#if defined(__x86_64__)
  unsigned int cpu;
  return __rdtscp(&cpu);
#else
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
#endif
}

static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* What both classes share; `class` chooses among the rest. */
typedef struct {
  public_key *public;
  secret_key *secret;
  const test_key *keys;
  kernel_pair kernels;
  uint8_t *fixed, *random, *input, *out;
  uint8_t exponents[2][EXPONENT];
  uint64_t seed;
} context;

/* Opened each time: keys that live at two places differ by what the caches make of the places. */
static void with_key(const context *x, int class, size_t items) {
  uint8_t p[BITS / 16], q[BITS / 16];
  memcpy(p, x->keys[class].p, sizeof p);
  memcpy(q, x->keys[class].q, sizeof q);
  secret_key *const secret = secret_open(p, q, BITS, x->kernels);
  secret_prepare(secret);
  decrypt(secret, x->fixed, items, x->out);
  secret_release(secret);
}

static void two_keys(const context *x, int class) { with_key(x, class, ITEMS); }
static void two_keys_alone(const context *x, int class) { with_key(x, class, 1); }

static void fixed_or_random(const context *x, int class) {
  memcpy(x->input, class ? x->random : x->fixed, (size_t)ITEMS * BITS / 4);
  decrypt(x->secret, x->input, ITEMS, x->out);
}

static void weights(const context *x, int class) {
  uint8_t exponent[EXPONENT];
  memcpy(exponent, x->exponents[class], EXPONENT);
  secret_power(x->public, x->fixed, ITEMS, exponent, EXPONENT, x->out);
}

/* Squares for each bit, multiplies for each that is set. */
static void leaky(const context *x, int class) {
  for (size_t i = 0; i < 8 * EXPONENT; i++) {
    const uint32_t size = 2;
    product(x->public, x->fixed, &size, 1, x->out);
    if (x->exponents[class][i / 8] >> (i % 8) & 1) product(x->public, x->fixed, &size, 1, x->out);
  }
}

typedef struct {
  double n, mean, m2;
} statistic;

static void push(statistic *s, double value) {
  const double delta = value - s->mean;
  s->n += 1;
  s->mean += delta / s->n;
  s->m2 += delta * (value - s->mean);
}

static double welch(const statistic *a, const statistic *b) {
  if (a->n < 30 || b->n < 30) return 0;
  const double spread = a->m2 / (a->n - 1) / a->n + b->m2 / (b->n - 1) / b->n;
  return spread > 0 ? (a->mean - b->mean) / sqrt(spread) : 0;
}

static int by_size(const void *a, const void *b) {
  const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

/* The t of largest size, over all measurements and those below each crop. */
static double largest_t(const uint64_t *cycles, const uint8_t *classes, size_t count) {
  uint64_t *const sorted = malloc(count * sizeof *sorted);
  memcpy(sorted, cycles, count * sizeof *sorted);
  qsort(sorted, count, sizeof *sorted, by_size);
  double largest = 0;
  for (int crop = 0; crop <= CROPS; crop++) {
    const double share = 1 - pow(0.5, 10.0 * (crop + 1) / (CROPS + 1));
    const uint64_t limit = crop == CROPS ? UINT64_MAX : sorted[(size_t)(share * (double)count)];
    statistic s[2] = {{0, 0, 0}, {0, 0, 0}};
    for (size_t i = WARM_UP; i < count; i++) {
      if (cycles[i] < limit) push(&s[classes[i]], (double)cycles[i]);
    }
    const double t = welch(&s[0], &s[1]);
    if (fabs(t) > fabs(largest)) largest = t;
  }
  free(sorted);
  return largest;
}

static void measure(const char *kernel, const char *name, void (*run)(const context *, int),
                    context *x, double limit) {
  static uint64_t cycles[MEASUREMENTS_MAX];
  static uint8_t classes[MEASUREMENTS_MAX];
  const size_t bytes = (size_t)ITEMS * BITS / 4;
  const double end = seconds() + limit;
  size_t count = 0;
  while (count < MEASUREMENTS_MAX && (seconds() < end || count < 4 * WARM_UP)) {
    uint8_t coin;
    fill(&coin, 1, x->seed++);
    fill(x->random, bytes, x->seed++);
    for (size_t i = 0; i < ITEMS; i++) x->random[i * BITS / 4] &= 0x1f;
    classes[count] = coin & 1;
    const uint64_t start = now();
    run(x, classes[count]);
    cycles[count++] = now() - start;
  }
  printf("%s %s %zu %.2f\n", kernel, name, count, largest_t(cycles, classes, count));
  fflush(stdout);
}

int main(int count, char **arguments) {
  static test_key keys[2];
  if (count != 3) return 2;
  const kernel_pair kernels = kernels_named(arguments[1]);
  const double limit = atof(arguments[2]);
  context x = {.seed = 1, .keys = keys, .kernels = kernels};
  for (int i = 0; i < 2; i++) read_key(&keys[i], BITS);
  x.secret = secret_open(keys[0].p, keys[0].q, BITS, kernels);
  x.public = key_open(keys[0].n, keys[0].hs, BITS, kernels);
  if (secret_prepare(x.secret) != DONE || key_prepare(x.public) != DONE) return 2;
  x.fixed = ciphertexts_of(&keys[0], ITEMS, 1);
  x.random = ciphertexts_of(&keys[0], ITEMS, 2);
  x.input = ciphertexts_of(&keys[0], ITEMS, 3);
  x.out = malloc((size_t)ITEMS * BITS / 4);
  memset(x.exponents[1], 0xff, sizeof x.exponents[1]);
  x.exponents[0][0] = 0x80;
  measure(arguments[1], "decrypt-two-keys", two_keys, &x, limit);
  measure(arguments[1], "decrypt-two-keys-alone", two_keys_alone, &x, limit);
  measure(arguments[1], "decrypt-fixed-or-random", fixed_or_random, &x, limit);
  measure(arguments[1], "power-low-or-high-weight", weights, &x, limit);
  measure(arguments[1], "leaky", leaky, &x, limit / 4);
  secret_release(x.secret);
  key_release(x.public);
  free(x.fixed);
  free(x.random);
  free(x.input);
  free(x.out);
  return 0;
}
