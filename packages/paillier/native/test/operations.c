/*
 * Runs every operation of the library without Node, for valgrind's memcheck: operations KERNEL
 * BITS, p and q on standard input. Prints a digest of all results, whatever the kernel the same.
 */
#include "input.h"

static uint64_t digest = 0xcbf29ce484222325ULL; /* FNV-1a */

static void take(const char *what, int outcome, const uint8_t *bytes, size_t length) {
  if (outcome != DONE) {
    fprintf(stderr, "%s: outcome %d\n", what, outcome);
    exit(1);
  }
  for (size_t i = 0; i < length; i++) digest = (digest ^ bytes[i]) * 0x100000001b3ULL;
}

static void expect(const char *what, int outcome, int expected) {
  if (outcome == expected) return;
  fprintf(stderr, "%s: outcome %d instead of %d\n", what, outcome, expected);
  exit(1);
}

static void work_with_public(const test_key *t, kernel_pair kernels, size_t count) {
  const size_t all = count * t->ciphertext;
  public_key *const key = key_open(t->n, t->hs, t->bits, kernels);
  public_key *const same = key_open(t->n, t->hs, t->bits, kernels);
  uint8_t *const c = ciphertexts_of(t, count, 1);
  uint8_t *const d = ciphertexts_of(t, count, 2);
  uint8_t *const messages = ciphertexts_of(t, count, 3);
  uint8_t *const blindings = ciphertexts_of(t, count, 4);
  uint8_t *const out = malloc(all);
  uint32_t *const ones = malloc(count * sizeof *ones);
  for (size_t i = 0; i < count; i++) ones[i] = 1;
  const uint32_t sizes[2] = {1, (uint32_t)count - 1};
  const size_t groups = count > 1 ? 2 : 1;

  expect("same key", key == same, 1);
  expect("prepare", key_prepare(key), DONE);
  expect("narrow table", key_build_table(key, 4), DONE);
  take("encrypt", encrypt(key, messages, NULL, blindings, count, out), out, all);
  expect("wide table", key_build_table(key, 5), DONE);
  take("encrypt", encrypt(key, messages, NULL, blindings, count, out), out, all);
  take("rerandomize", encrypt(key, NULL, c, blindings, count, out), out, all);
  take("blind", encrypt(key, NULL, NULL, blindings, count, out), out, all);
  take("blinded", encrypt_blinded(key, messages, c, count, out), out, all);
  take("product", product(key, c, sizes, groups, out), out, groups * t->ciphertext);
  take("product", product(key, c, ones, count, out), out, all);
  take("weights", weighted_product(key, c, blindings, 5, sizes, groups, out), out,
       groups * t->ciphertext);
  take("repack", repack(key, c, 7, sizes, groups, out), out, groups * t->ciphertext);
  take("subtract", divide(key, c, d, count, out), out, all);
  take("power", secret_power(key, c, count, blindings, 9, out), out, all);
  take("check", check(key, c, count, out), out, count);
  memset(d, 0, t->ciphertext);
  take("check", check(key, d, count, out), out, count);
  memset(d, 0xff, t->ciphertext);
  take("check", check(key, d, count, out), out, count);
  memset(d, 0, t->ciphertext);
  memcpy(d + t->ciphertext - t->prime, t->p, t->prime);
  take("check", check(key, d, count, out), out, count);
  expect("divide by p", divide(key, c, d, count, out), NOT_A_UNIT);

  public_key *const baseless = key_open(t->n, d, t->bits, kernels);
  expect("prepare", key_prepare(baseless), DONE);
  expect("table of p", key_build_table(baseless, 4), BASE_NOT_A_UNIT);

  key_release(baseless);
  key_release(same);
  key_release(key);
  free(c);
  free(d);
  free(messages);
  free(blindings);
  free(out);
  free(ones);
}

static void work_with_secret(const test_key *t, kernel_pair kernels, size_t count) {
  secret_key *const key = secret_open(t->p, t->q, t->bits, kernels);
  uint8_t *const c = ciphertexts_of(t, count, 5);
  uint8_t *const messages = ciphertexts_of(t, count, 6);
  uint8_t *const out = malloc(count * t->ciphertext);
  expect("prepare", secret_prepare(key), DONE);
  take("decrypt", decrypt(key, c, count, out), out, count * t->message);
  uint8_t base[4 * PRIME_BYTES] = {0};
  memcpy(base + t->ciphertext - t->prime, t->q, t->prime);
  expect("tables of q", secret_build_tables(key, base, 4), BASE_NOT_A_UNIT);
  expect("tables", secret_build_tables(key, t->hs, 4), DONE);
  expect("tables again", secret_build_tables(key, base, 5), DONE);
  take("encrypt", secret_encrypt(key, messages, c, count, out), out, count * t->ciphertext);
  uint8_t *const last = c + (count - 1) * t->ciphertext;
  memset(last, 0, t->ciphertext);
  memcpy(last + t->ciphertext - t->prime, t->q, t->prime);
  expect("decrypt q", decrypt(key, c, count, out), NOT_A_UNIT);
  secret_release(key);
  free(c);
  free(messages);
  free(out);
}

int main(int count, char **arguments) {
  static test_key key;
  if (count != 3) return 2;
  read_key(&key, atoi(arguments[2]));
  for (size_t items = 1; items <= 9; items += 4) {
    work_with_public(&key, kernels_named(arguments[1]), items);
    work_with_secret(&key, kernels_named(arguments[1]), items);
  }
  printf("%016llx\n", (unsigned long long)digest);
  return 0;
}
