#include "backend/undo_parts.h"

#include <stdlib.h>
#include <string.h>

void undo_content_unref(struct undo_content *c)
{
    if (!c || --c->refs)
        return;
    free(c->data);
    free(c);
}

void undo_step_remove(struct undo *u, struct undo_box *box, struct undo_file *f, unsigned at)
{
    struct undo_content *c = f->steps[at].content;

    if (c) {
        box->bytes -= c->len;
        u->bytes -= c->len;
    }
    undo_content_unref(c);
    f->count--;
    memmove(&f->steps[at], &f->steps[at + 1], (f->count - at) * sizeof(f->steps[0]));
}

void undo_file_clear(struct undo *u, struct undo_box *box, struct undo_file *f)
{
    while (f->count)
        undo_step_remove(u, box, f, f->count - 1);
    f->dropped = false;
    f->why = NULL;
}

static void file_free(struct undo *u, struct undo_box *box, struct undo_file *f)
{
    undo_file_clear(u, box, f);
    list_remove(&f->link);
    box->file_count--;
    free(f->path);
    free(f);
}

void undo_box_free(struct undo *u, struct undo_box *box)
{
    list_each(link, &box->files) file_free(u, box, list_of(link, struct undo_file, link));
    list_remove(&box->link);
    free(box->sandbox);
    free(box);
}

static void to_front(struct list *head, struct list *link)
{
    list_remove(link);
    list_append(head->next, link);
}

struct undo_box *undo_box(struct undo *u, const char *sandbox, bool make)
{
    struct undo_box *box;

    list_each(link, &u->boxes)
    {
        box = list_of(link, struct undo_box, link);
        if (!strcmp(box->sandbox, sandbox)) {
            if (make)
                to_front(&u->boxes, link);
            return box;
        }
    }
    box = make ? calloc(1, sizeof(*box)) : NULL;
    if (!box)
        return NULL;
    box->sandbox = strdup(sandbox);
    if (!box->sandbox) {
        free(box);
        return NULL;
    }
    list_init(&box->files);
    list_append(u->boxes.next, &box->link);
    return box;
}

struct undo_file *undo_file(struct undo_box *box, const char *path)
{
    if (!box)
        return NULL;
    list_each(link, &box->files)
    {
        struct undo_file *f = list_of(link, struct undo_file, link);
        if (!strcmp(f->path, path))
            return f;
    }
    return NULL;
}

struct undo_file *undo_file_made(struct undo *u, struct undo_box *box, const char *path)
{
    struct undo_file *f = undo_file(box, path);

    if (f) {
        to_front(&box->files, &f->link);
        return f;
    }
    f = calloc(1, sizeof(*f));
    if (!f || !(f->path = strdup(path))) {
        free(f);
        return NULL;
    }
    if (box->file_count >= u->limits.files)
        file_free(u, box, list_of(box->files.prev, struct undo_file, link));
    list_append(box->files.next, &f->link);
    box->file_count++;
    return f;
}

/* The oldest step with content; false: there is none. */
static bool drop_oldest(struct undo *u, struct undo_box *box)
{
    struct undo_file *oldest = NULL;

    list_each(link, &box->files)
    {
        struct undo_file *f = list_of(link, struct undo_file, link);
        if (f->count && (!oldest || f->steps[0].id < oldest->steps[0].id))
            oldest = f;
    }
    if (!oldest)
        return false;
    undo_step_remove(u, box, oldest, 0);
    oldest->dropped = true;
    return true;
}

bool undo_make_room(struct undo *u, struct undo_box *box, size_t more)
{
    if (more > u->limits.bytes || more > u->limits.all)
        return false;
    while (box->bytes + more > u->limits.bytes)
        if (!drop_oldest(u, box))
            return false;
    while (u->bytes + more > u->limits.all) {
        struct list *link = u->boxes.prev;
        while (link != &u->boxes && !drop_oldest(u, list_of(link, struct undo_box, link)))
            link = link->prev;
        if (link == &u->boxes)
            return false;
    }
    return true;
}
