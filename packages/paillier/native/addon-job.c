/*
 * `run`: a job copies its input, works on the thread pool and settles a promise with a fresh
 * Uint8Array. The first job of a key prepares it.
 */
#include <stdlib.h>
#include <string.h>

#include "addon.h"

enum {
  ITEMS_MAX = 65536,
  EXPONENT_BYTES_MAX = 2048,
  SHIFT_MAX = MODULUS_BITS_MAX,
  WINDOW_BITS_MAX = 12,
  FIRST_WINDOW_BITS = 4
};

typedef enum {
  ENCRYPT,
  RERANDOMIZE,
  BLIND,
  ENCRYPT_BLINDED,
  PRODUCT,
  WEIGHTED_PRODUCT,
  REPACK,
  SUBTRACT,
  CHECK,
  POWER,
  DECRYPT,
  ENCRYPT_SECRET,
  BUILD_TABLE,
  BUILD_SECRET_TABLES,
  OPERATIONS
} operation;

/* What an item of each column is; the second of WEIGHTED_PRODUCT and POWER has any width. */
typedef enum { NONE, MESSAGE, CIPHERTEXT, BLINDING, EXPONENTS, VERDICT } column;

static const struct {
  const char *name;
  column first, second, result;
  bool is_secret, has_groups;
} operations[OPERATIONS] = {
    [ENCRYPT] = {"encrypt", MESSAGE, BLINDING, CIPHERTEXT, false, false},
    [RERANDOMIZE] = {"rerandomize", CIPHERTEXT, BLINDING, CIPHERTEXT, false, false},
    [BLIND] = {"blind", BLINDING, NONE, CIPHERTEXT, false, false},
    [ENCRYPT_BLINDED] = {"encryptBlinded", CIPHERTEXT, MESSAGE, CIPHERTEXT, false, false},
    [PRODUCT] = {"product", CIPHERTEXT, NONE, CIPHERTEXT, false, true},
    [WEIGHTED_PRODUCT] = {"weightedProduct", CIPHERTEXT, EXPONENTS, CIPHERTEXT, false, true},
    [REPACK] = {"repack", CIPHERTEXT, NONE, CIPHERTEXT, false, true},
    [SUBTRACT] = {"subtract", CIPHERTEXT, CIPHERTEXT, CIPHERTEXT, false, false},
    [CHECK] = {"check", CIPHERTEXT, NONE, VERDICT, false, false},
    [POWER] = {"power", CIPHERTEXT, EXPONENTS, CIPHERTEXT, false, false},
    [DECRYPT] = {"decrypt", CIPHERTEXT, NONE, MESSAGE, true, false},
    [ENCRYPT_SECRET] = {"encryptSecret", MESSAGE, BLINDING, CIPHERTEXT, true, false},
    [BUILD_TABLE] = {"buildTable", NONE, NONE, NONE, false, false},
    [BUILD_SECRET_TABLES] = {"buildSecretTables", CIPHERTEXT, NONE, NONE, true, false}, /* hs */
};

static size_t width_of(column kind, int bits) {
  switch (kind) {
    case MESSAGE: return (size_t)bits / 8;
    case CIPHERTEXT: return (size_t)bits / 4;
    case BLINDING: return (size_t)bits / 16;
    case VERDICT: return 1;
    default: return 0;
  }
}

typedef struct {
  operation op;
  public_key *public;
  secret_key *secret;
  uint8_t *first, *second, *result;
  size_t first_bytes, second_bytes, result_bytes;
  uint32_t *sizes;
  size_t count, groups;
  int parameter; /* shift, or window bits */
  int outcome;
  napi_async_work work;
  napi_deferred deferred;
} job;

static void free_wiped(uint8_t *bytes, size_t length) {
  if (bytes != NULL) wipe(bytes, length);
  free(bytes);
}

static void job_free(napi_env env, job *j) {
  if (j->work != NULL) napi_delete_async_work(env, j->work);
  if (j->public != NULL) key_release(j->public);
  if (j->secret != NULL) secret_release(j->secret);
  free_wiped(j->first, j->first_bytes);
  free_wiped(j->second, j->second_bytes);
  free_wiped(j->result, j->result_bytes);
  free(j->sizes);
  free(j);
}

static uint8_t *copy_of(const uint8_t *bytes, size_t length) {
  uint8_t *const copy = malloc(length + 1);
  if (copy != NULL && length > 0) memcpy(copy, bytes, length);
  return copy;
}

/* Encryption under a key that has no table yet makes do with the narrowest. */
static int encrypt_items(public_key *key, const job *j) {
  if (atomic_load(&key->table) == NULL) {
    const int outcome = key_build_table(key, FIRST_WINDOW_BITS);
    if (outcome != DONE) return outcome;
  }
  return encrypt(key, j->op == ENCRYPT ? j->first : NULL, j->op == RERANDOMIZE ? j->first : NULL,
                 j->op == BLIND ? j->first : j->second, j->count, j->result);
}

static int compute(const job *j) {
  public_key *const key = j->public;
  switch (j->op) {
    case ENCRYPT:
    case RERANDOMIZE:
    case BLIND: return encrypt_items(key, j);
    case ENCRYPT_BLINDED: return encrypt_blinded(key, j->second, j->first, j->count, j->result);
    case PRODUCT: return product(key, j->first, j->sizes, j->groups, j->result);
    case WEIGHTED_PRODUCT:
      return weighted_product(key, j->first, j->second, j->second_bytes / j->count, j->sizes,
                              j->groups, j->result);
    case REPACK: return repack(key, j->first, j->parameter, j->sizes, j->groups, j->result);
    case SUBTRACT: return divide(key, j->first, j->second, j->count, j->result);
    case CHECK: return check(key, j->first, j->count, j->result);
    case POWER:
      return secret_power(key, j->first, j->count, j->second, j->second_bytes, j->result);
    case DECRYPT: return decrypt(j->secret, j->first, j->count, j->result);
    case ENCRYPT_SECRET:
      return secret_encrypt(j->secret, j->first, j->second, j->count, j->result);
    case BUILD_SECRET_TABLES: return secret_build_tables(j->secret, j->first, j->parameter);
    default: return key_build_table(key, j->parameter); /* BUILD_TABLE */
  }
}

static void execute(napi_env env, void *data) {
  (void)env;
  job *const j = data;
  j->outcome = j->secret != NULL ? secret_prepare(j->secret) : key_prepare(j->public);
  if (j->outcome == DONE) j->outcome = compute(j);
}

/* The error that a job failed with. */
static napi_value error_of(napi_env env, int outcome) {
  const char *code = "NO_MEMORY", *message = "out of memory";
  napi_value code_value, message_value, error;
  if (outcome == NOT_A_UNIT) {
    code = "NOT_A_UNIT";
    message = "a ciphertext is not coprime to n";
  } else if (outcome == BASE_NOT_A_UNIT) {
    code = "BASE_NOT_A_UNIT";
    message = "hs is not coprime to n";
  }
  napi_create_string_utf8(env, code, NAPI_AUTO_LENGTH, &code_value);
  napi_create_string_utf8(env, message, NAPI_AUTO_LENGTH, &message_value);
  napi_create_error(env, code_value, message_value, &error);
  return error;
}

static void settle(napi_env env, job *j) {
  napi_value value, array;
  void *data;
  if (j->outcome == DONE &&
      napi_create_arraybuffer(env, j->result_bytes, &data, &array) == napi_ok &&
      napi_create_typedarray(env, napi_uint8_array, j->result_bytes, array, 0, &value) == napi_ok) {
    if (j->result_bytes > 0) memcpy(data, j->result, j->result_bytes);
    napi_resolve_deferred(env, j->deferred, value);
    return;
  }
  napi_reject_deferred(env, j->deferred, error_of(env, j->outcome));
}

static void complete(napi_env env, napi_status status, void *data) {
  job *const j = data;
  napi_handle_scope scope;
  if (status == napi_ok && napi_open_handle_scope(env, &scope) == napi_ok) {
    settle(env, j);
    napi_close_handle_scope(env, scope);
  }
  job_free(env, j);
}

/* Items of equal width, as many as there are. */
static bool take_first(napi_env env, job *j, napi_value value, size_t width) {
  uint8_t *bytes = NULL;
  size_t length = 0;
  if (!bytes_of(env, value, &bytes, &length)) return false;
  if (length % width != 0 || length / width > ITEMS_MAX) return false;
  j->count = length / width;
  j->first = copy_of(bytes, length);
  j->first_bytes = j->first == NULL ? 0 : length;
  return true;
}

/* One item for each of the first column, or one exponent for all; exponents have any width. */
static bool take_second(napi_env env, job *j, napi_value value, size_t width) {
  uint8_t *bytes = NULL;
  size_t length = 0;
  if (!bytes_of(env, value, &bytes, &length)) return false;
  const size_t items = j->op == POWER ? 1 : j->count;
  if (operations[j->op].second == EXPONENTS && items > 0) {
    width = length / items;
    if (width < 1 || width > EXPONENT_BYTES_MAX) return false;
  }
  if (length != items * width) return false;
  j->second = copy_of(bytes, length);
  j->second_bytes = j->second == NULL ? 0 : length;
  return true;
}

static bool take_groups(napi_env env, job *j, napi_value value) {
  void *sizes = NULL;
  size_t total = 0;
  if (!elements_of(env, value, napi_uint32_array, &sizes, &j->groups)) return false;
  if (j->groups > j->count) return false;
  j->sizes = (uint32_t *)copy_of(sizes, 4 * j->groups);
  for (size_t i = 0; i < j->groups && j->sizes != NULL; i++) {
    if (j->sizes[i] < 1 || j->sizes[i] > j->count - total) return false;
    total += j->sizes[i];
  }
  return j->sizes == NULL || total == j->count;
}

/* Takes the columns and group sizes into `j`; returns why they do not fit together, or NULL. */
static const char *take_columns(napi_env env, job *j, const napi_value *arguments, int bits) {
  const column first = operations[j->op].first;
  const column second = operations[j->op].second;
  const bool has_groups = operations[j->op].has_groups;
  if (first != NONE && !take_first(env, j, arguments[2], width_of(first, bits))) {
    return "run: the first column has whole items, 65536 at most";
  }
  if (second != NONE && !take_second(env, j, arguments[3], width_of(second, bits))) {
    return "run: the second column has one item for each of the first";
  }
  if (has_groups && !take_groups(env, j, arguments[4])) {
    return "run: group sizes are a Uint32Array, 1 or more each, and add up to the items";
  }
  if (j->op == BUILD_SECRET_TABLES && j->count != 1) {
    return "run: buildSecretTables takes the hs of one key";
  }
  const size_t results = has_groups ? j->groups : j->count;
  j->result_bytes = results * width_of(operations[j->op].result, bits);
  j->result = calloc(j->result_bytes + 1, 1);
  if (j->result == NULL || (first != NONE && j->first == NULL) ||
      (second != NONE && j->second == NULL) || (has_groups && j->sizes == NULL)) {
    return "run: out of memory";
  }
  return NULL;
}

static operation operation_named(napi_env env, napi_value value) {
  char wanted[24]; /* longer than any name: what is cut off is none */
  size_t length;
  if (napi_get_value_string_utf8(env, value, wanted, sizeof wanted, &length) != napi_ok) {
    return OPERATIONS;
  }
  for (int i = 0; i < OPERATIONS; i++) {
    const char *const known = operations[i].name;
    if (strlen(known) == length && strcmp(known, wanted) == 0) return (operation)i;
  }
  return OPERATIONS;
}

/* The shift of `repack`, the window bits of a table; zero where an operation has neither. */
static bool read_parameter(napi_env env, napi_value value, operation op, int *parameter) {
  const bool is_table = op == BUILD_TABLE || op == BUILD_SECRET_TABLES;
  /* Of narrower windows there are too many for lanes that add before they carry. */
  const int least = is_table ? FIRST_WINDOW_BITS : 1;
  const int most = is_table ? WINDOW_BITS_MAX : SHIFT_MAX;
  double given = 0;
  *parameter = 0;
  if (!is_table && op != REPACK) return true;
  if (napi_get_value_double(env, value, &given) != napi_ok || !(given >= least && given <= most) ||
      given != (int)given) {
    return false;
  }
  *parameter = (int)given;
  return true;
}

/* Hands `j` to the thread pool; without a single item there is nothing to do. */
static void start(napi_env env, job *j) {
  napi_value name;
  const bool is_idle = j->count == 0 && j->op != BUILD_TABLE;
  if (!is_idle && napi_create_string_utf8(env, "paillier", NAPI_AUTO_LENGTH, &name) == napi_ok &&
      napi_create_async_work(env, NULL, name, execute, complete, j, &j->work) == napi_ok &&
      napi_queue_async_work(env, j->work) == napi_ok) {
    return;
  }
  j->outcome = is_idle ? DONE : NO_MEMORY;
  settle(env, j);
  job_free(env, j);
}

/* run(operation, handle, first, second, groupSizes, parameter): Promise<Uint8Array> */
napi_value run(napi_env env, napi_callback_info info) {
  napi_value arguments[6], promise;
  size_t given = 6;
  int parameter;
  if (napi_get_cb_info(env, info, &given, arguments, NULL, NULL) != napi_ok || given < 6) {
    return refuse(env, "run takes six arguments");
  }
  const operation op = operation_named(env, arguments[0]);
  if (op == OPERATIONS) return refuse(env, "run: no such operation");
  const bool is_secret = operations[op].is_secret;
  const key_handle *const h = handle_of(env, arguments[1], is_secret);
  if (h == NULL || (is_secret ? (void *)h->secret : (void *)h->public) == NULL) {
    return refuse(env, "run: not an open key of the kind that the operation takes");
  }
  if (op == ENCRYPT_SECRET && !atomic_load(&h->secret->can_encrypt)) {
    return refuse(env, "run: buildSecretTables comes before encryptSecret");
  }
  if (!read_parameter(env, arguments[5], op, &parameter)) {
    return refuse(env, "run: the parameter is an integer within the operation's limits");
  }
  job *const j = calloc(1, sizeof *j);
  if (j == NULL) return refuse(env, "run: out of memory");
  j->op = op;
  j->parameter = parameter;
  if (is_secret) j->secret = secret_retain(h->secret);
  else j->public = key_retain(h->public);
  const char *const reason =
      take_columns(env, j, arguments, is_secret ? h->secret->bits : h->public->bits);
  if (reason != NULL || napi_create_promise(env, &j->deferred, &promise) != napi_ok) {
    job_free(env, j);
    return refuse(env, reason != NULL ? reason : "run: out of memory");
  }
  start(env, j);
  return promise;
}
