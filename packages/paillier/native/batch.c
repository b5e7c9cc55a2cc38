#include "batch.h"


int batch_open(batch *b, const ring *g, size_t words) {
  b->g = g;
  b->k = g->k;
  b->width = (size_t)g->bits / 4;
  if (!arena_open(&b->work, words + ring_scratch_words(g) + b->width / 8 + 64)) return 0;
  b->scratch = arena_take(&b->work, ring_scratch_words(g));
  b->nowhere = (uint8_t *)arena_take(&b->work, b->width / 8);
  return 1;
}

void batch_close(batch *b) { arena_close(&b->work); }

uint64_t *take_number(batch *b) { return arena_take(&b->work, b->g->number); }
uint64_t *take_dual(batch *b) { return arena_take(&b->work, 2 * b->g->number); }

void rows_in(const uint8_t *rows[], const batch *b, const uint8_t *items, size_t width,
                    size_t first, size_t count) {
  for (int lane = 0; lane < b->k->lanes; lane++) {
    const size_t at = first + (size_t)lane < count ? first + (size_t)lane : count - 1;
    rows[lane] = items + at * width;
  }
}

void rows_out(uint8_t *rows[], const batch *b, uint8_t *items, size_t first, size_t count) {
  for (int lane = 0; lane < b->k->lanes; lane++) {
    const size_t at = first + (size_t)lane;
    rows[lane] = at < count ? items + at * b->width : b->nowhere;
  }
}

void load_dual(batch *b, uint64_t *x, const uint8_t *const rows[]) {
  b->k->load(x, 2 * b->g->m.limbs, rows, (int)b->width, 1, b->scratch);
  b->k->dual_from(&b->g->m, x, x, b->scratch);
}

void load_montgomery(batch *b, uint64_t *x, const uint8_t *const rows[]) {
  load_dual(b, x, rows);
  b->k->dual_mul(&b->g->m, x, x, b->g->r[3], b->scratch);
}

void store_montgomery(batch *b, uint8_t *const rows[], uint64_t *x) {
  b->k->dual_step(&b->g->m, x, x, b->g->r[0], b->scratch);
  ring_store(b->g, rows, x, b->scratch);
}

void copy_lane(const batch *b, uint64_t *to, const uint64_t *from, int to_lane,
                      int from_lane) {
  const int lanes = b->k->lanes;
  for (int i = 0; i < 2 * b->g->m.limbs; i++) to[i * lanes + to_lane] = from[i * lanes + from_lane];
}
