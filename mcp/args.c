#include "mcp/args_parts.h"

#include <stdalign.h>
#include <string.h>

#define CHUNK_SIZE 4032
#define MAP_NAME_MAX 256 /* bytes of a name in a map */

struct args_chunk {
    struct args_chunk *next;
    size_t used, size;
    alignas(16) char data[];
};

static int bind_object(struct binder *b, const struct args_place *at, const struct arg_table *table,
                       yyjson_val *obj, void *out);

void args_storage_done(struct args_storage *s)
{
    while (s->chunks) {
        struct args_chunk *next = s->chunks->next;
        free(s->chunks);
        s->chunks = next;
    }
}

/* The first chunk is the one that still has room; what is large gets one of its own behind. */
static struct args_chunk *add_chunk(struct args_storage *s, size_t size)
{
    bool own = s->chunks && size > CHUNK_SIZE / 4;
    size_t room = own || size > CHUNK_SIZE ? size : CHUNK_SIZE;
    struct args_chunk *chunk = malloc(sizeof(*chunk) + room);

    if (!chunk)
        return NULL;
    *chunk = (struct args_chunk){ .size = room, .next = own ? s->chunks->next : s->chunks };
    if (own)
        s->chunks->next = chunk;
    else
        s->chunks = chunk;
    return chunk;
}

void *args_alloc(struct binder *b, size_t size, size_t align)
{
    struct args_chunk *chunk = b->storage->chunks;
    size_t from = chunk ? (chunk->used + align - 1) & ~(align - 1) : 0;

    if (!chunk || from > chunk->size || size > chunk->size - from) {
        chunk = add_chunk(b->storage, size);
        from = 0;
    }
    if (!chunk) {
        err_oom(b->err);
        return NULL;
    }
    chunk->used = from + size;
    return chunk->data + from;
}

static void *alloc_zeroed(struct binder *b, size_t count, size_t size)
{
    void *p = args_alloc(b, count * size, 16);

    return p ? memset(p, 0, count * size) : NULL;
}

static int check_count(struct binder *b, const struct args_place *at, const struct arg_row *row,
                       size_t count)
{
    if (count >= row->min_len && count <= row->max_len)
        return 0;
    return args_fail(b, at, "%zu items is not within %zu..%zu items", count, row->min_len,
                     row->max_len);
}

static int bind_strings(struct binder *b, const struct args_place *at, const struct arg_row *row,
                        yyjson_val *arr, void *to)
{
    struct arg_strings out = { .count = yyjson_arr_size(arr) };
    struct args_place item = { .up = at };
    const char **items;
    yyjson_val *val;
    size_t max;
    int choice;

    if (!yyjson_is_arr(arr))
        return args_wrong_type(b, at, "an array of strings", arr);
    if (check_count(b, at, row, out.count))
        return -1;
    items = alloc_zeroed(b, out.count, sizeof(*items));
    if (!items)
        return -1;
    yyjson_arr_foreach (arr, item.index, max, val) {
        if (row->choices) {
            if (args_choice(b, &item, row->choices, val, &choice))
                return -1;
            items[item.index] = row->choices[choice];
        } else if (args_text(b, &item, val, row->item_min, row->item_max, &items[item.index])) {
            return -1;
        }
    }
    out.items = items;
    memcpy(to, &out, sizeof(out));
    return 0;
}

static int map_name(struct binder *b, const struct args_place *at, yyjson_val *key,
                    const char **out)
{
    if (!yyjson_get_len(key))
        return args_fail(b, at, "a name is empty");
    if (yyjson_get_len(key) > MAP_NAME_MAX)
        return args_fail(b, at, "a name is longer than %d bytes", MAP_NAME_MAX);
    return args_text(b, at, key, 1, MAP_NAME_MAX, out);
}

static int bind_map(struct binder *b, const struct args_place *at, const struct arg_row *row,
                    yyjson_val *obj, void *to)
{
    struct arg_map out = { .count = yyjson_obj_size(obj) };
    struct arg_pair *items;
    yyjson_val *key, *val;
    size_t i, max;

    if (!yyjson_is_obj(obj))
        return args_wrong_type(b, at, "an object of strings", obj);
    if (check_count(b, at, row, out.count))
        return -1;
    items = alloc_zeroed(b, out.count, sizeof(*items));
    if (!items)
        return -1;
    yyjson_obj_foreach (obj, i, max, key, val) {
        struct args_place member = { .up = at, .name = yyjson_get_str(key) };
        if (map_name(b, at, key, &items[i].name) ||
            args_text(b, &member, val, row->item_min, row->item_max, &items[i].value))
            return -1;
    }
    out.items = items;
    memcpy(to, &out, sizeof(out));
    return 0;
}

static int bind_objects(struct binder *b, const struct args_place *at, const struct arg_row *row,
                        yyjson_val *arr, void *to)
{
    struct arg_objects out = { .count = yyjson_arr_size(arr) };
    struct args_place item = { .up = at };
    size_t size = row->nested->struct_size, max;
    yyjson_val *val;

    if (!yyjson_is_arr(arr))
        return args_wrong_type(b, at, "an array of objects", arr);
    if (check_count(b, at, row, out.count))
        return -1;
    out.items = args_alloc(b, out.count * size, 16);
    if (!out.items)
        return -1;
    yyjson_arr_foreach (arr, item.index, max, val)
        if (bind_object(b, &item, row->nested, val, (char *)out.items + item.index * size))
            return -1;
    memcpy(to, &out, sizeof(out));
    return 0;
}

static int bind_value(struct binder *b, const struct args_place *at, const struct arg_row *row,
                      yyjson_val *v, char *out)
{
    static const bool given = true;

    if (row->has_offset)
        memcpy(out + row->has_offset, &given, sizeof(given));
    switch (row->type) {
    case ARG_STRINGS:
        return bind_strings(b, at, row, v, out + row->offset);
    case ARG_MAP:
        return bind_map(b, at, row, v, out + row->offset);
    case ARG_OBJECT:
        return bind_object(b, at, row->nested, v, out + row->offset);
    case ARG_OBJECTS:
        return bind_objects(b, at, row, v, out + row->offset);
    default:
        return args_bind_scalar(b, at, row, v, out + row->offset);
    }
}

/* Members mostly come in the order of the rows: look at `from` first. */
static size_t find_row(const struct arg_table *table, yyjson_val *key, size_t from)
{
    for (size_t i = 0; i < table->count; i++) {
        size_t at = (from + i) % table->count;
        if (yyjson_equals_str(key, table->rows[at].name))
            return at;
    }
    return table->count;
}

static int fill_absent(struct binder *b, const struct args_place *at, const struct arg_table *table,
                       uint64_t given, char *out)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct arg_row *row = &table->rows[i];
        struct args_place here = { .up = at, .name = row->name };
        if (given & (UINT64_C(1) << i))
            continue;
        if (row->flags & ARG_REQUIRED)
            return args_fail(b, &here, "is required");
        args_absent(row, out + row->offset);
    }
    return 0;
}

static int bind_object(struct binder *b, const struct args_place *at, const struct arg_table *table,
                       yyjson_val *obj, void *out)
{
    yyjson_val *key, *val;
    uint64_t given = 0;
    size_t i, max;

    memset(out, 0, table->struct_size);
    if (!yyjson_is_obj(obj))
        return args_wrong_type(b, at, "an object", obj);
    yyjson_obj_foreach (obj, i, max, key, val) {
        struct args_place here = { .up = at, .name = yyjson_get_str(key) };
        size_t row = find_row(table, key, i);
        if (row == table->count)
            return args_unknown(b, at, table, here.name);
        if (given & (UINT64_C(1) << row))
            return args_fail(b, &here, "is given twice");
        given |= UINT64_C(1) << row;
        if (bind_value(b, &here, &table->rows[row], val, out))
            return -1;
    }
    return fill_absent(b, at, table, given, out);
}

int args_bind(const struct arg_table *table, yyjson_val *args, void *out,
              struct args_storage *storage, struct err *err)
{
    struct binder b = { .storage = storage, .err = err };
    struct args_place root = { 0 };

    if (args)
        return bind_object(&b, &root, table, args, out);
    memset(out, 0, table->struct_size);
    return fill_absent(&b, &root, table, 0, out);
}
