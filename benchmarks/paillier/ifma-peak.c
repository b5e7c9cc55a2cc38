/*
 * Prints how many 512-bit IFMA instructions this processor finishes in a second on one core: twelve
 * independent sums, so that none waits for another. The best of many short bursts: a busy machine
 * takes the processor away from some of them. For benchmarks/paillier/limit.ts.
 */
#include <immintrin.h>
#include <stdio.h>
#include <time.h>

enum { SUMS = 12, ROUNDS = 400000, BURSTS = 200 };

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

__attribute__((target("avx512f,avx512ifma"))) int main(void) {
  __m512i sums[SUMS];
  __m512i x = _mm512_set1_epi64(0x123456789abcdLL);
  double best = 0;
  for (int i = 0; i < SUMS; i++) sums[i] = _mm512_set1_epi64(i);
  for (int burst = 0; burst < BURSTS; burst++) {
    const double start = seconds();
    for (int round = 0; round < ROUNDS; round++) {
#pragma GCC unroll 16
      for (int i = 0; i < SUMS; i++) sums[i] = _mm512_madd52lo_epu64(sums[i], x, x);
      __asm__ volatile("" : "+v"(x)); /* the products may not be taken out of the loop */
    }
    const double rate = (double)SUMS * ROUNDS / (seconds() - start);
    if (rate > best) best = rate;
  }
  for (int i = 1; i < SUMS; i++) sums[0] = _mm512_add_epi64(sums[0], sums[i]);
  volatile long long used = _mm512_reduce_add_epi64(sums[0]);
  (void)used;
  printf("%.0f\n", best);
  return 0;
}
