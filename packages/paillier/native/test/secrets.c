/*
 * Does a secret steer the program? secrets KERNEL BITS CASE, p and q on standard input.
 *
 * Under valgrind's memcheck the secrets are marked as undefined, and memcheck reports every branch
 * and every address that depends on one (Langley, "Checking that functions are constant time with
 * valgrind", 2010). Under callgrind the number of instructions must not depend on them.
 * What secret.h lets an observer learn is declared: which ciphertexts are invalid. Two cases must be
 * caught: "leaky", a branch, and "table", the look-ups that encryption makes by blinding exponents.
 */
#include <valgrind/memcheck.h>

#include "input.h"

enum { ITEMS_MAX = 3 };

static void hide(void *bytes, size_t length) { (void)VALGRIND_MAKE_MEM_UNDEFINED(bytes, length); }
static void show(void *bytes, size_t length) { (void)VALGRIND_MAKE_MEM_DEFINED(bytes, length); }

static int leaky(const uint8_t *exponent, size_t width) {
  volatile int work = 0;
  for (size_t i = 0; i < 8 * width; i++) {
    if (exponent[i / 8] >> (i % 8) & 1) work += 1;
  }
  return DONE;
}

typedef struct {
  const test_key *key;
  public_key *public; /* of a modulus that has nothing to do with the secret */
  kernel_pair kernels;
  const uint8_t *c;
  size_t items;
  uint8_t *out;
} call;

static int decryption(const call *a) {
  secret_key *const secret = secret_open(a->key->p, a->key->q, a->key->bits, a->kernels);
  const int outcome = decrypt(secret, a->c, a->items, a->out);
  secret_release(secret);
  return outcome;
}

/* The primes are secret; blinding exponents may be learnt, as far as they steer look-ups. */
static int secret_encryption(const call *a) {
  const test_key *const t = a->key;
  secret_key *const secret = secret_open(t->p, t->q, t->bits, a->kernels);
  const int is_ready = secret_prepare(secret, t->p, t->q, t->hs, 4);
  const int outcome = secret_encrypt(secret, t->p, a->c, a->items, a->out);
  secret_release(secret);
  return is_ready ? outcome : NO_MEMORY;
}

static int power(const call *a) {
  return secret_power(a->public, a->c, a->items, a->key->p, a->key->prime, a->out);
}

static int encryption(const call *a) {
  return encrypt(a->public, a->key->p, NULL, a->c, a->items, a->out);
}

static int table_walk(const call *a) {
  return encrypt(a->public, NULL, NULL, a->key->p, a->items, a->out);
}

static int leak(const call *a) { return leaky(a->key->p, a->key->prime); }

static const struct {
  const char *name;
  int (*run)(const call *a);
} cases[] = {{"decrypt", decryption}, {"power", power}, {"messages", encryption},
             {"secret-encrypt", secret_encryption}, {"table", table_walk}, {"leaky", leak}};

int main(int count, char **arguments) {
  static test_key key;
  static uint8_t out[ITEMS_MAX * 4 * PRIME_BYTES];
  if (count != 4) return 2;
  read_key(&key, atoi(arguments[2]));
  uint8_t modulus[2 * PRIME_BYTES];
  memset(modulus, 0xa5, sizeof modulus);
  call a = {.key = &key, .kernels = kernels_named(arguments[1]), .out = out};
  a.public = key_open(modulus, key.hs, key.bits, a.kernels);
  if (a.public == NULL || !key_build_table(a.public, 4)) return 2;
  /* p, and the q behind it, also serve as a secret exponent, as messages and as blindings. */
  hide(key.p, sizeof key.p);
  hide(key.q, sizeof key.q);
  int outcome = NO_MEMORY;
  for (a.items = 1; a.items <= ITEMS_MAX; a.items += 2) {
    uint8_t *const c = ciphertexts_of(&key, a.items, 9);
    a.c = c;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
      if (strcmp(cases[i].name, arguments[3]) == 0) outcome = cases[i].run(&a);
    }
    show(&outcome, sizeof outcome);
    if (outcome != DONE) return 1;
    free(c);
  }
  key_release(a.public);
  show(out, sizeof out);
  return fwrite(out, 1, sizeof out, stdout) == sizeof out ? 0 : 2;
}
