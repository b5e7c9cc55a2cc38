#define _DEFAULT_SOURCE /* madvise */
#include "key.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "inverse.h"

static pthread_mutex_t keys_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t build_lock = PTHREAD_MUTEX_INITIALIZER;
static public_key *keys;

static void table_free(table *t) {
  if (t == NULL) return;
  free(t->entries);
  free(t);
}

static void product_ring_close(product_ring *p) {
  ring_close(&p->g);
  arena_close(&p->memory);
}

static int product_ring_open(product_ring *p, const kernel *k, const uint8_t *n, int bits) {
  if (!ring_open(&p->g, k, n, bits)) return 0;
  const ring *const g = &p->g;
  const size_t dual = 2 * g->number;
  const size_t low = (size_t)1 << CORRECTION_BITS;
  const size_t high = FACTORS_BITS_MAX - CORRECTION_BITS;
  arena work;
  if (!arena_open(&p->memory, (low + high) * dual)) return 0;
  if (!arena_open(&work, ring_scratch_words(g))) return 0;
  p->low = arena_take(&p->memory, low * dual);
  p->high = arena_take(&p->memory, high * dual);
  ring_r_power(g, p->low, 1, work.memory);
  for (size_t i = 1; i < low; i++) {
    k->dual_mul(&g->m, p->low + i * dual, p->low + (i - 1) * dual, g->r[3], work.memory);
  }
  ring_r_power(g, p->high, (2U << CORRECTION_BITS) + 1, work.memory);
  for (size_t i = 1; i < high; i++) {
    k->dual_sqr(&g->m, p->high + i * dual, p->high + (i - 1) * dual, work.memory);
  }
  arena_close(&work);
  return 1;
}

static void key_free(public_key *key) {
  product_ring_close(&key->wide);
  product_ring_close(&key->narrow);
  table_free(atomic_load(&key->table));
  table_free(key->narrower);
  free(key->n);
  free(key);
}

static int key_fill(public_key *key, const uint8_t *n, const uint8_t *hs) {
  const size_t bytes = (size_t)key->bits / 8;
  key->n = malloc(5 * bytes);
  if (key->n == NULL) return 0;
  key->hs = key->n + bytes;
  key->n2 = key->hs + 2 * bytes;
  for (size_t i = 0; i < bytes; i++) key->n[i] = n[bytes - 1 - i];
  memcpy(key->hs, hs, 2 * bytes);
  if (!product_ring_open(&key->wide, key->kernels.wide, key->n, key->bits)) return 0;
  if (!product_ring_open(&key->narrow, key->kernels.narrow, key->n, key->bits)) return 0;

  /* n^2 = 0 + n n */
  arena work;
  const ring *const g = &key->narrow.g;
  if (!arena_open(&work, ring_scratch_words(g) + 4 * g->number)) return 0;
  uint64_t *const square = arena_take(&work, 2 * g->number);
  uint64_t *const zero = arena_take(&work, g->number);
  memset(zero, 0, 8 * g->number);
  uint64_t *const scratch = arena_take(&work, ring_scratch_words(g));
  uint8_t *const rows[1] = {key->n2};
  g->k->mul_plain(g->m.limbs, square, g->m.n_lanes, g->m.n_lanes, zero, scratch);
  g->k->store(rows, key->bits / 4, 1, square, 2 * g->m.limbs, scratch);
  arena_close(&work);
  return 1;
}

static int is_same(const public_key *key, const public_key *other) {
  return key->bits == other->bits && key->kernels.wide == other->kernels.wide &&
         key->kernels.narrow == other->kernels.narrow &&
         memcmp(key->n, other->n, (size_t)key->bits / 8) == 0 &&
         memcmp(key->hs, other->hs, (size_t)key->bits / 4) == 0;
}

public_key *key_open(const uint8_t *n, const uint8_t *hs, int bits, kernel_pair kernels) {
  public_key *key = calloc(1, sizeof *key);
  if (key == NULL) return NULL;
  key->bits = bits;
  key->kernels = kernels;
  key->references = 1;
  if (!key_fill(key, n, hs)) {
    key_free(key);
    return NULL;
  }
  pthread_mutex_lock(&keys_lock);
  public_key *known = keys;
  while (known != NULL && !is_same(known, key)) known = known->next;
  if (known != NULL) {
    known->references++;
  } else {
    key->next = keys;
    keys = key;
  }
  pthread_mutex_unlock(&keys_lock);
  if (known == NULL) return key;
  key_free(key);
  return known;
}

public_key *key_retain(public_key *key) {
  pthread_mutex_lock(&keys_lock);
  key->references++;
  pthread_mutex_unlock(&keys_lock);
  return key;
}

void key_release(public_key *key) {
  pthread_mutex_lock(&keys_lock);
  const int is_last = --key->references == 0;
  if (is_last) {
    public_key **link = &keys;
    while (*link != key) link = &(*link)->next;
    *link = key->next;
  }
  pthread_mutex_unlock(&keys_lock);
  if (is_last) key_free(key);
}

const product_ring *key_ring(const public_key *key, size_t count) {
  return count >= WIDE_ITEMS_MIN ? &key->wide : &key->narrow;
}

/* g_i = hs^(2^(w i)) as a and b of a + n b, and g_i^-1 mod n, for each window: three rows of bytes. */
static int find_bases(const public_key *key, int window_bits, int windows, uint8_t *bases) {
  const ring *const g = &key->narrow.g;
  const kernel *const k = g->k;
  const int bytes = key->bits / 8;
  arena work;
  if (!arena_open(&work, 6 * g->number + ring_scratch_words(g))) return 0;
  uint64_t *const x = arena_take(&work, 2 * g->number);
  uint64_t *const plain = arena_take(&work, 2 * g->number);
  uint64_t *const inverse = arena_take(&work, g->number);
  uint64_t *const scratch = arena_take(&work, ring_scratch_words(g));
  int is_unit = 1;
  const uint8_t *hs[1] = {key->hs};
  k->load(plain, 2 * g->m.limbs, hs, 2 * bytes, 1, scratch);
  k->dual_from(&g->m, x, plain, scratch);
  k->dual_mul(&g->m, x, x, g->r[3], scratch); /* hs in Montgomery form */
  for (int i = 0; i < windows && is_unit; i++) {
    uint8_t *const row = bases + (size_t)i * 3 * (size_t)bytes;
    uint8_t *const a[1] = {row};
    uint8_t *const b[1] = {row + bytes};
    uint8_t *const c[1] = {row + 2 * bytes};
    k->dual_step(&g->m, plain, x, g->r[0], scratch);
    k->dual_reduce(&g->m, plain, scratch);
    k->store(a, bytes, 0, plain, g->m.limbs, scratch);
    k->store(b, bytes, 0, plain + g->number, g->m.limbs, scratch);
    if (i == 0) {
      is_unit = inverse_modulo(c[0], a[0], key->n, bytes);
      const uint8_t *first[1] = {c[0]};
      k->load(inverse, g->m.limbs, first, bytes, 0, scratch);
      k->mul(&g->m, inverse, inverse, g->r[2], scratch); /* r[2] starts with R^2 mod n */
    } else {
      k->mul(&g->m, plain, inverse, g->r[0], scratch);
      k->reduce_once(&g->m, plain, scratch);
      k->store(c, bytes, 0, plain, g->m.limbs, scratch);
    }
    for (int bit = 0; bit < window_bits; bit++) {
      k->dual_sqr(&g->m, x, x, scratch);
      k->mul(&g->m, inverse, inverse, inverse, scratch);
    }
  }
  arena_close(&work);
  return is_unit;
}

/*
 * The entries of as many windows as there are lanes: z_d = z_(d-1) g as a + n b = a (1 + n b / a), so
 * T = a and u = b a^-1, with a^-1 carried along as a power of g^-1.
 */
static void fill_windows(const ring *g, table *t, const uint8_t *bases, int first,
                         arena *work) {
  const kernel *const k = g->k;
  const int bytes = g->bits / 8;
  const size_t entry = 2 * (size_t)bytes;
  const size_t used = work->used;
  uint64_t *const base = arena_take(work, 2 * g->number);
  uint64_t *const base_inverse = arena_take(work, g->number);
  uint64_t *const z = arena_take(work, 2 * g->number);
  uint64_t *const plain = arena_take(work, 2 * g->number);
  uint64_t *const inverse = arena_take(work, g->number);
  uint64_t *const scratch = arena_take(work, ring_scratch_words(g));
  const uint8_t *a[LANES_MAX], *b[LANES_MAX], *c[LANES_MAX];
  uint8_t *to[LANES_MAX];
  for (int lane = 0; lane < k->lanes; lane++) {
    /* Lanes beyond the last window repeat it. */
    const int window = first + lane < t->windows ? first + lane : t->windows - 1;
    const uint8_t *const row = bases + (size_t)window * 3 * (size_t)bytes;
    a[lane] = row;
    b[lane] = row + bytes;
    c[lane] = row + 2 * bytes;
    to[lane] = t->entries + ((size_t)window << t->window_bits) * entry;
    memset(to[lane], 0, entry);
    to[lane][0] = 1;
  }
  k->load(base, g->m.limbs, a, bytes, 0, scratch);
  k->load(base + g->number, g->m.limbs, b, bytes, 0, scratch);
  k->load(base_inverse, g->m.limbs, c, bytes, 0, scratch);
  memcpy(z, base, 16 * g->number);
  k->dual_mul(&g->m, base, base, g->r[2], scratch);
  k->mul(&g->m, base_inverse, base_inverse, g->r[2], scratch);
  memcpy(inverse, base_inverse, 8 * g->number);
  for (int digit = 1; digit < 1 << t->window_bits; digit++) {
    for (int lane = 0; lane < k->lanes; lane++) to[lane] += entry;
    memcpy(plain, z, 16 * g->number);
    k->dual_reduce(&g->m, plain, scratch);
    k->store(to, bytes, 0, plain, g->m.limbs, scratch);
    k->mul(&g->m, plain, plain + g->number, inverse, scratch);
    k->reduce_once(&g->m, plain, scratch);
    uint8_t *lifts[LANES_MAX];
    for (int lane = 0; lane < k->lanes; lane++) lifts[lane] = to[lane] + bytes;
    k->store(lifts, bytes, 0, plain, g->m.limbs, scratch);
    k->dual_mul(&g->m, z, z, base, scratch);
    k->mul(&g->m, inverse, inverse, base_inverse, scratch);
  }
  work->used = used;
}

/* Look-ups are scattered over megabytes: large pages spare a page walk each. */
static uint8_t *allocate_entries(size_t bytes) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  const size_t page = (size_t)1 << 21;
  void *const entries = aligned_alloc(page, (bytes + page - 1) / page * page);
  if (entries != NULL) (void)madvise(entries, bytes, MADV_HUGEPAGE);
  return entries;
#else
  return malloc(bytes);
#endif
}

static table *table_build(const public_key *key, int window_bits) {
  const ring *const g = &key->wide.g;
  const int windows = (key->bits / 2 + window_bits - 1) / window_bits;
  const size_t bytes = (size_t)key->bits / 8;
  arena work = {0};
  uint8_t *const bases = malloc((size_t)windows * 3 * bytes);
  table *t = calloc(1, sizeof *t);
  if (t != NULL) t->entries = allocate_entries(((size_t)windows << window_bits) * 2 * bytes);
  const int is_ready = t != NULL && t->entries != NULL && bases != NULL &&
                       arena_open(&work, 9 * g->number + ring_scratch_words(g)) &&
                       find_bases(key, window_bits, windows, bases);
  if (is_ready) {
    t->window_bits = window_bits;
    t->windows = windows;
    for (int i = 0; i < windows; i += g->k->lanes) fill_windows(g, t, bases, i, &work);
  } else {
    table_free(t);
    t = NULL;
  }
  arena_close(&work);
  free(bases);
  return t;
}

int key_build_table(public_key *key, int window_bits) {
  pthread_mutex_lock(&build_lock);
  table *const current = atomic_load(&key->table);
  int is_built = current != NULL && current->window_bits >= window_bits;
  /* One earlier table is kept for threads that still read it; there is no third width. */
  if (!is_built && key->narrower == NULL) {
    table *const wider = table_build(key, window_bits);
    if (wider != NULL) {
      key->narrower = current;
      atomic_store(&key->table, wider);
      is_built = 1;
    }
  }
  pthread_mutex_unlock(&build_lock);
  return is_built;
}
