#include "transport/jwks.h"
#include "base/io.h"

#include <stdatomic.h>
#include <string.h>

struct jwks {
    atomic_uint refs;
    struct jwt_key *keys;
    size_t count;
};

struct jwks *jwks_ref(struct jwks *set)
{
    atomic_fetch_add(&set->refs, 1);
    return set;
}

void jwks_unref(struct jwks *set)
{
    if (!set || atomic_fetch_sub(&set->refs, 1) != 1)
        return;
    for (struct jwt_key *key = set->keys, *next; key; key = next) {
        next = key->next;
        jwt_key_free(key);
    }
    free(set);
}

static void add(struct jwks *set, struct jwt_key *key)
{
    key->next = set->keys;
    set->keys = key;
    set->count++;
}

static int read_set(struct jwks *set, yyjson_val *list, struct err *err)
{
    struct err last = { 0 };
    yyjson_val *jwk;
    size_t i, max;

    if (yyjson_arr_size(list) > JWKS_KEYS_MAX)
        return err_set(err, ERR_TOO_LARGE, "more than %d keys", JWKS_KEYS_MAX);
    yyjson_arr_foreach (list, i, max, jwk) {
        struct jwt_key *key = NULL;
        if (!jwt_key_from_jwk(jwk, &key, &last))
            add(set, key);
        else if (last.code == ERR_DENIED)
            return err_set(err, last.code, "key %zu is %s", i + 1, last.msg);
    }
    if (set->count)
        return 0;
    return err_set(err, ERR_INVALID, "no usable key%s%s", last.code ? ": " : "", last.msg);
}

static int read_json(struct jwks *set, const char *text, size_t len, struct err *err)
{
    AUTO_JSON yyjson_doc *doc = json_parse(text, len, err);
    yyjson_val *root = yyjson_doc_get_root(doc), *list = yyjson_obj_get(root, "keys");
    struct jwt_key *key = NULL;

    if (!doc)
        return -1;
    if (list)
        return yyjson_is_arr(list) ? read_set(set, list, err)
                                   : err_set(err, ERR_INVALID, "\"keys\" is not an array");
    if (jwt_key_from_jwk(root, &key, err))
        return -1;
    add(set, key);
    return 0;
}

static int read_pem(struct jwks *set, const char *text, size_t len, struct err *err)
{
    struct jwt_key *key = NULL;

    if (jwt_key_from_pem(text, len, &key, err))
        return -1;
    add(set, key);
    return 0;
}

int jwks_read(const char *text, size_t len, struct jwks **out, struct err *err)
{
    AUTO_PTR(jwks) struct jwks *set = NULL;
    size_t at = 0;
    int r;

    if (len > JWKS_BYTES_MAX)
        return err_set(err, ERR_TOO_LARGE, "more than %d bytes of keys", JWKS_BYTES_MAX);
    set = calloc(1, sizeof(*set));
    if (!set)
        return err_oom(err);
    atomic_init(&set->refs, 1);
    while (at < len && strchr(" \t\r\n", text[at]))
        at++;
    r = at < len && text[at] == '{' ? read_json(set, text, len, err)
                                    : read_pem(set, text, len, err);
    if (r)
        return -1;
    *out = TAKE(set);
    return 0;
}

int jwks_read_file(const char *path, struct jwks **out, struct err *err)
{
    AUTO(buf) struct buf text = BUF_MAX(JWKS_BYTES_MAX);

    if (io_read_file(path, JWKS_BYTES_MAX, &text, err))
        return -1;
    return jwks_read(buf_str(&text), text.len, out, err) ? err_wrap(err, "%s", path) : 0;
}

size_t jwks_count(const struct jwks *set)
{
    return set->count;
}

const struct jwt_key *jwks_find(const struct jwks *set, enum jwt_alg alg, const char *kid,
                                bool *unknown)
{
    const struct jwt_key *only = NULL;
    size_t of_alg = 0;

    *unknown = kid != NULL;
    for (const struct jwt_key *key = set->keys; key; key = key->next) {
        bool named = kid && key->kid && !strcmp(kid, key->kid);
        if (named)
            *unknown = false;
        if (key->alg != alg)
            continue;
        if (named)
            return key;
        only = key;
        of_alg++;
    }
    return of_alg == 1 && (!kid || !only->kid) ? only : NULL;
}
