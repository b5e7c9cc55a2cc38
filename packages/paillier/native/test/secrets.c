/*
 * Does a secret steer the program? secrets KERNEL BITS CASE, p and q on standard input.
 *
 * Under valgrind's memcheck the secrets are marked as undefined, and memcheck reports every branch
 * and every address that depends on one (Langley, "Checking that functions are constant time with
 * valgrind", 2010). Under callgrind the number of instructions must not depend on them, and under
 * trace.c not one instruction of the path.
 * What secret.h lets an observer learn is declared: which ciphertexts and bases are invalid. Two cases must
 * be caught: "leaky", a branch, and "table", the look-ups that encryption makes by its blinding.
 */
#include <signal.h>

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
  secret_key *secret;
  const uint8_t *c;
  size_t items;
  uint8_t *out;
} call;

static int decryption(const call *a) { return decrypt(a->secret, a->c, a->items, a->out); }

/* The primes and the message are secret; blinding exponents may be learnt: they steer look-ups. */
static int secret_encryption(const call *a) {
  const test_key *const t = a->key;
  int outcome = secret_build_tables(a->secret, t->hs, 4);
  show(&outcome, sizeof outcome);
  show(&a->secret->can_encrypt, sizeof a->secret->can_encrypt);
  return outcome == DONE ? secret_encrypt(a->secret, t->p, a->c, a->items, a->out) : outcome;
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
  const int is_traced = count == 5 && strcmp(arguments[4], "traced") == 0;
  if (count != 4 && !is_traced) return 2;
  read_key(&key, atoi(arguments[2]));
  uint8_t modulus[2 * PRIME_BYTES];
  memset(modulus, 0xa5, sizeof modulus);
  const kernel_pair kernels = kernels_named(arguments[1]);
  call a = {.key = &key, .out = out};
  a.public = key_open(modulus, key.hs, key.bits, kernels);
  if (a.public == NULL || key_prepare(a.public) != DONE) return 2;
  if (key_build_table(a.public, 4) != DONE) return 2;
  /* p, and the q behind it, also serve as a secret exponent, as messages and as blindings. */
  hide(key.p, sizeof key.p);
  hide(key.q, sizeof key.q);
  a.secret = secret_open(key.p, key.q, key.bits, kernels);
  int (*run)(const call *a) = NULL;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    if (strcmp(cases[i].name, arguments[3]) == 0) run = cases[i].run;
  }
  if (run == NULL || a.secret == NULL || secret_prepare(a.secret) != DONE) return 2;
  for (a.items = is_traced ? ITEMS_MAX : 1; a.items <= ITEMS_MAX; a.items += 2) {
    uint8_t *const c = ciphertexts_of(&key, a.items, 9);
    a.c = c;
    if (is_traced) raise(SIGTRAP);
    int outcome = run(&a);
    if (is_traced) raise(SIGTRAP);
    show(&outcome, sizeof outcome);
    if (outcome != DONE) return 1;
    free(c);
  }
  secret_release(a.secret);
  key_release(a.public);
  show(out, sizeof out);
  return fwrite(out, 1, sizeof out, stdout) == sizeof out ? 0 : 2;
}
