/*
 * The Node-API boundary. `run` checks every length, copies its input, works on the thread pool and
 * settles a promise with a fresh Uint8Array; JavaScript's memory is never touched off its thread, and
 * keys are counted, so a call may outlive the handle it was given. Values are not checked here: any
 * bytes of the right length give some bytes, and no other memory is read or written.
 */
#define NAPI_VERSION 8
#include <node_api.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "secret.h"

enum {
  MODULUS_BITS_MIN = 2048,
  ITEMS_MAX = 65536,
  EXPONENT_BYTES_MAX = 2048,
  SHIFT_MAX = MODULUS_BITS_MAX,
  WINDOW_BITS_MAX = 12,
  FIRST_WINDOW_BITS = 4
};

/* Handles are objects with these tags, so that no other object passes for one. */
static const napi_type_tag public_tag = {0x7a3d5b1c9e2f4086ULL, 0xb8c1d2e3f4a59607ULL};
static const napi_type_tag secret_tag = {0x1f6e8d9c0b7a2354ULL, 0x95e4d3c2b1a08f76ULL};

typedef struct {
  public_key *public;
  secret_key *secret; /* one of the two; NULL when closed */
} handle;

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
  PREPARE_SECRET,
  ENCRYPT_SECRET,
  BUILD_TABLE,
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
    [PREPARE_SECRET] = {"prepareSecret", MESSAGE, CIPHERTEXT, NONE, true, false}, /* p q, and hs */
    [ENCRYPT_SECRET] = {"encryptSecret", MESSAGE, BLINDING, CIPHERTEXT, true, false},
    [BUILD_TABLE] = {"buildTable", NONE, NONE, NONE, false, false},
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

static napi_value refuse(napi_env env, const char *message) {
  napi_throw_type_error(env, "ERR_INVALID_ARG_VALUE", message);
  return NULL;
}

/* The bytes of a Uint8Array; one that is detached has none. */
static bool bytes_of(napi_env env, napi_value value, uint8_t **bytes, size_t *length) {
  napi_typedarray_type type;
  void *data = NULL;
  bool is_array = false;
  if (napi_is_typedarray(env, value, &is_array) != napi_ok || !is_array) return false;
  if (napi_get_typedarray_info(env, value, &type, length, &data, NULL, NULL) != napi_ok ||
      type != napi_uint8_array) {
    return false;
  }
  if (data == NULL) *length = 0;
  *bytes = data;
  return true;
}

static uint8_t *copy_of(const uint8_t *bytes, size_t length) {
  uint8_t *const copy = malloc(length + 1);
  if (copy != NULL && length > 0) memcpy(copy, bytes, length);
  return copy;
}

static handle *handle_of(napi_env env, napi_value value, bool is_secret) {
  const napi_type_tag *const tag = is_secret ? &secret_tag : &public_tag;
  napi_valuetype type;
  bool has_tag = false;
  void *data = NULL;
  if (napi_typeof(env, value, &type) != napi_ok || type != napi_object) return NULL;
  if (napi_check_object_type_tag(env, value, tag, &has_tag) != napi_ok || !has_tag) return NULL;
  return napi_unwrap(env, value, &data) == napi_ok ? data : NULL;
}

static void execute(napi_env env, void *data) {
  (void)env;
  job *const j = data;
  const public_key *const key = j->public;
  switch (j->op) {
    case ENCRYPT:
    case RERANDOMIZE:
    case BLIND:
      if (atomic_load(&j->public->table) == NULL &&
          !key_build_table(j->public, FIRST_WINDOW_BITS)) {
        j->outcome = NO_MEMORY;
        break;
      }
      j->outcome = encrypt(key, j->op == ENCRYPT ? j->first : NULL,
                           j->op == RERANDOMIZE ? j->first : NULL,
                           j->op == BLIND ? j->first : j->second, j->count, j->result);
      break;
    case ENCRYPT_BLINDED:
      j->outcome = encrypt_blinded(key, j->second, j->first, j->count, j->result);
      break;
    case PRODUCT:
      j->outcome = product(key, j->first, j->sizes, j->groups, j->result);
      break;
    case WEIGHTED_PRODUCT:
      j->outcome = weighted_product(key, j->first, j->second, j->second_bytes / j->count, j->sizes,
                               j->groups, j->result);
      break;
    case REPACK:
      j->outcome = repack(key, j->first, j->parameter, j->sizes, j->groups, j->result);
      break;
    case SUBTRACT:
      j->outcome = divide(key, j->first, j->second, j->count, j->result);
      break;
    case CHECK:
      j->outcome = check(key, j->first, j->count, j->result);
      break;
    case POWER:
      j->outcome = secret_power(key, j->first, j->count, j->second, j->second_bytes, j->result);
      break;
    case DECRYPT:
      j->outcome = decrypt(j->secret, j->first, j->count, j->result);
      break;
    case PREPARE_SECRET:
      j->outcome = secret_prepare(j->secret, j->first, j->first + j->first_bytes / 2, j->second,
                                  j->parameter);
      break;
    case ENCRYPT_SECRET:
      j->outcome = secret_encrypt(j->secret, j->first, j->second, j->count, j->result);
      break;
    default: /* BUILD_TABLE */
      j->outcome = key_build_table(j->public, j->parameter);
  }
}

static void settle(napi_env env, job *j) {
  napi_value value, code, message, array;
  void *data;
  if (j->outcome == DONE && napi_create_arraybuffer(env, j->result_bytes, &data, &array) == napi_ok &&
      napi_create_typedarray(env, napi_uint8_array, j->result_bytes, array, 0, &value) == napi_ok) {
    if (j->result_bytes > 0) memcpy(data, j->result, j->result_bytes);
    napi_resolve_deferred(env, j->deferred, value);
    return;
  }
  const bool is_unit = j->outcome != NOT_A_UNIT;
  napi_create_string_utf8(env, is_unit ? "NO_MEMORY" : "NOT_A_UNIT", NAPI_AUTO_LENGTH, &code);
  napi_create_string_utf8(env, is_unit ? "out of memory" : "a ciphertext is not coprime to n",
                          NAPI_AUTO_LENGTH, &message);
  napi_create_error(env, code, message, &value);
  napi_reject_deferred(env, j->deferred, value);
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

/* Takes the columns and group sizes into `j`; false, with the reason, if they do not fit together. */
static bool take_columns(napi_env env, job *j, const napi_value *arguments, int bits,
                         const char **reason) {
  const column first = operations[j->op].first;
  const column second = operations[j->op].second;
  uint8_t *bytes = NULL;
  *reason = "run: the first column has whole items, 65536 at most";
  if (first != NONE) {
    const size_t width = width_of(first, bits);
    if (!bytes_of(env, arguments[2], &bytes, &j->first_bytes) || j->first_bytes % width != 0 ||
        j->first_bytes / width > ITEMS_MAX) {
      j->first_bytes = 0;
      return false;
    }
    j->count = j->first_bytes / width;
    j->first = copy_of(bytes, j->first_bytes);
  }
  *reason = "run: the second column has one item for each of the first";
  if (second != NONE) {
    size_t length = 0;
    if (!bytes_of(env, arguments[3], &bytes, &length)) return false;
    const size_t items = j->op == POWER ? 1 : j->count;
    const size_t width = second == EXPONENTS && items > 0 ? length / items : width_of(second, bits);
    const bool is_width_served = second != EXPONENTS || items == 0 ||
                                 (width >= 1 && width <= EXPONENT_BYTES_MAX);
    if (length != items * width || !is_width_served) return false;
    j->second = copy_of(bytes, length);
    j->second_bytes = length;
  }
  if (j->op == PREPARE_SECRET && j->count != 1) {
    *reason = "run: prepareSecret takes the primes and hs of one key";
    return false;
  }
  if (j->op != BUILD_TABLE && (j->first == NULL || (second != NONE && j->second == NULL))) {
    *reason = "run: out of memory";
    return false;
  }
  if (operations[j->op].has_groups) {
    napi_typedarray_type type;
    void *data = NULL;
    bool is_array = false;
    size_t total = 0;
    *reason = "run: group sizes are a Uint32Array, 1 or more each, and add up to the items";
    if (napi_is_typedarray(env, arguments[4], &is_array) != napi_ok || !is_array ||
        napi_get_typedarray_info(env, arguments[4], &type, &j->groups, &data, NULL, NULL) !=
            napi_ok ||
        type != napi_uint32_array || j->groups > j->count || (j->groups > 0 && data == NULL)) {
      return false;
    }
    j->sizes = (uint32_t *)copy_of(data, 4 * j->groups);
    if (j->sizes == NULL) return false;
    for (size_t i = 0; i < j->groups; i++) {
      if (j->sizes[i] < 1 || j->sizes[i] > j->count - total) return false;
      total += j->sizes[i];
    }
    if (total != j->count) return false;
  }
  const size_t results = operations[j->op].has_groups ? j->groups : j->count;
  j->result_bytes = results * width_of(operations[j->op].result, bits);
  j->result = calloc(j->result_bytes + 1, 1);
  *reason = "run: out of memory";
  return j->result != NULL;
}

/* run(operation, handle, first, second, groupSizes, parameter): Promise<Uint8Array> */
static napi_value run(napi_env env, napi_callback_info info) {
  napi_value arguments[6], promise, name;
  size_t given = 6;
  char wanted[24]; /* longer than any name: what is cut off is none */
  size_t length;
  if (napi_get_cb_info(env, info, &given, arguments, NULL, NULL) != napi_ok || given < 6) {
    return refuse(env, "run takes six arguments");
  }
  operation op = OPERATIONS;
  if (napi_get_value_string_utf8(env, arguments[0], wanted, sizeof wanted, &length) == napi_ok) {
    for (int i = 0; i < OPERATIONS; i++) {
      const char *const known = operations[i].name;
      if (strlen(known) == length && strcmp(known, wanted) == 0) op = (operation)i;
    }
  }
  if (op == OPERATIONS) return refuse(env, "run: no such operation");
  const bool is_secret = operations[op].is_secret;
  const handle *const h = handle_of(env, arguments[1], is_secret);
  if (h == NULL || (is_secret ? (void *)h->secret : (void *)h->public) == NULL) {
    return refuse(env, "run: not an open key of the kind that the operation takes");
  }
  if (op == ENCRYPT_SECRET && !atomic_load(&h->secret->can_encrypt)) {
    return refuse(env, "run: prepareSecret comes before encryptSecret");
  }
  double parameter = 0;
  /* Of narrower windows there are too many for lanes that add before they carry. */
  const int parameter_min = op == REPACK ? 1 : FIRST_WINDOW_BITS;
  const int parameter_max = op == REPACK ? SHIFT_MAX : WINDOW_BITS_MAX;
  if ((op == REPACK || op == BUILD_TABLE || op == PREPARE_SECRET) &&
      (napi_get_value_double(env, arguments[5], &parameter) != napi_ok ||
       !(parameter >= parameter_min && parameter <= parameter_max) ||
       parameter != (int)parameter)) {
    return refuse(env, "run: the parameter is an integer within the operation's limits");
  }
  job *const j = calloc(1, sizeof *j);
  if (j == NULL) return refuse(env, "run: out of memory");
  j->op = op;
  j->parameter = (int)parameter;
  j->outcome = DONE;
  if (is_secret) j->secret = secret_retain(h->secret);
  else j->public = key_retain(h->public);
  const char *reason;
  const int bits = is_secret ? h->secret->bits : h->public->bits;
  if (!take_columns(env, j, arguments, bits, &reason)) {
    job_free(env, j);
    return refuse(env, reason);
  }
  if (napi_create_promise(env, &j->deferred, &promise) != napi_ok) {
    job_free(env, j);
    return NULL;
  }
  if (j->count == 0 && op != BUILD_TABLE) {
    settle(env, j);
    job_free(env, j);
    return promise;
  }
  if (napi_create_string_utf8(env, "paillier", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_async_work(env, NULL, name, execute, complete, j, &j->work) != napi_ok ||
      napi_queue_async_work(env, j->work) != napi_ok) {
    j->outcome = NO_MEMORY;
    settle(env, j);
    job_free(env, j);
  }
  return promise;
}

static void finalize(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  handle *const h = data;
  if (h->public != NULL) key_release(h->public);
  if (h->secret != NULL) secret_release(h->secret);
  free(h);
}

static kernel_pair kernels_named(const char *name) {
  const kernel *const narrow = mulx_is_here() ? &mulx_kernel : &generic_kernel;
  if (strcmp(name, "ifma") == 0 && ifma_is_here()) return (kernel_pair){&ifma_kernel, narrow};
  if (strcmp(name, "mulx") == 0 && mulx_is_here()) return (kernel_pair){narrow, narrow};
  if (strcmp(name, "generic") == 0) return (kernel_pair){&generic_kernel, &generic_kernel};
  return (kernel_pair){NULL, NULL};
}

/* openPublicKey(n, hs, kernel) and openSecretKey(p, q, kernel): a handle. */
static napi_value open_key(napi_env env, napi_callback_info info, bool is_secret) {
  napi_value arguments[3], object;
  size_t given = 3, first_bytes = 0, second_bytes = 0, length;
  uint8_t *first = NULL, *second = NULL;
  char name[16];
  if (napi_get_cb_info(env, info, &given, arguments, NULL, NULL) != napi_ok || given < 3 ||
      !bytes_of(env, arguments[0], &first, &first_bytes) ||
      !bytes_of(env, arguments[1], &second, &second_bytes) ||
      napi_get_value_string_utf8(env, arguments[2], name, sizeof name, &length) != napi_ok ||
      strlen(name) != length) {
    return refuse(env, "a key is opened with two Uint8Arrays and the name of a kernel");
  }
  const size_t bits = (is_secret ? 16 : 8) * first_bytes;
  if (bits < MODULUS_BITS_MIN || bits > MODULUS_BITS_MAX || bits % 128 != 0 ||
      second_bytes != (is_secret ? first_bytes : 2 * first_bytes)) {
    return refuse(env, "a key has 2048 to 8192 bits, a multiple of 128");
  }
  if (!(first[0] & 0x80) || !(first[first_bytes - 1] & 1) ||
      (is_secret && (!(second[0] & 0x80) || (first[first_bytes - 1] & 3) != 3 ||
                     (second[second_bytes - 1] & 3) != 3))) {
    return refuse(env, "a modulus is odd and of full length; primes are 3 mod 4");
  }
  const kernel_pair kernels = kernels_named(name);
  if (kernels.wide == NULL) return refuse(env, "this machine has no kernel of that name");
  handle *const h = calloc(1, sizeof *h);
  if (h == NULL) return refuse(env, "out of memory");
  if (is_secret) h->secret = secret_open(first, second, (int)bits, kernels);
  else h->public = key_open(first, second, (int)bits, kernels);
  if ((h->secret == NULL && h->public == NULL) || napi_create_object(env, &object) != napi_ok ||
      napi_wrap(env, object, h, finalize, NULL, NULL) != napi_ok) {
    finalize(env, h, NULL);
    return refuse(env, "out of memory");
  }
  napi_type_tag_object(env, object, is_secret ? &secret_tag : &public_tag);
  return object;
}

static napi_value open_public_key(napi_env env, napi_callback_info info) {
  return open_key(env, info, false);
}

static napi_value open_secret_key(napi_env env, napi_callback_info info) {
  return open_key(env, info, true);
}

/* close(handle): lets go of the key now; a secret one is wiped when its last call has ended. */
static napi_value close_key(napi_env env, napi_callback_info info) {
  napi_value argument;
  size_t given = 1;
  if (napi_get_cb_info(env, info, &given, &argument, NULL, NULL) != napi_ok || given < 1) {
    return refuse(env, "close takes a key");
  }
  handle *h = handle_of(env, argument, true);
  if (h == NULL) h = handle_of(env, argument, false);
  if (h == NULL) return refuse(env, "close takes a key");
  if (h->public != NULL) key_release(h->public);
  if (h->secret != NULL) secret_release(h->secret);
  h->public = NULL;
  h->secret = NULL;
  return NULL;
}

/* The kernels that this machine can run, fastest first. */
static napi_value kernels(napi_env env, napi_callback_info info) {
  (void)info;
  const char *const names[] = {ifma_is_here() ? "ifma" : NULL, mulx_is_here() ? "mulx" : NULL,
                               "generic"};
  napi_value list, name;
  uint32_t count = 0;
  if (napi_create_array(env, &list) != napi_ok) return NULL;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (names[i] == NULL) continue;
    napi_create_string_utf8(env, names[i], NAPI_AUTO_LENGTH, &name);
    napi_set_element(env, list, count++, name);
  }
  return list;
}

NAPI_MODULE_INIT() {
  const napi_property_descriptor properties[] = {
      {"run", NULL, run, NULL, NULL, NULL, napi_enumerable, NULL},
      {"openPublicKey", NULL, open_public_key, NULL, NULL, NULL, napi_enumerable, NULL},
      {"openSecretKey", NULL, open_secret_key, NULL, NULL, NULL, napi_enumerable, NULL},
      {"close", NULL, close_key, NULL, NULL, NULL, napi_enumerable, NULL},
      {"kernels", NULL, kernels, NULL, NULL, NULL, napi_enumerable, NULL},
  };
  napi_define_properties(env, exports, sizeof properties / sizeof *properties, properties);
  return exports;
}
