#include "transport/ticket.h"
#include "base/clock.h"
#include "base/list.h"

#include <openssl/sha.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "tkt"
#define BUCKETS 1024
#define DIGEST 32

struct ticket {
    struct list age; /* tickets.age, oldest first, which is the order in which they expire */
    struct ticket *next;
    unsigned char digest[DIGEST];
    int64_t until_ms;
    const char *purpose;
    struct identity who;
    struct handout *file; /* NULL: it is for the path */
    char path[];
};

struct tickets {
    int64_t for_ms;
    pthread_mutex_t lock; /* all below */
    struct list age;
    size_t count;
    struct ticket *buckets[BUCKETS];
};

int tickets_new(int64_t for_ms, struct tickets **out, struct err *err)
{
    struct tickets *t = calloc(1, sizeof(*t));

    if (!t)
        return err_oom(err);
    t->for_ms = for_ms ? for_ms : TICKET_MS;
    pthread_mutex_init(&t->lock, NULL);
    list_init(&t->age);
    *out = t;
    return 0;
}

static struct ticket **bucket(struct tickets *t, const unsigned char *digest)
{
    return &t->buckets[(digest[0] | (unsigned)digest[1] << 8) % BUCKETS];
}

/* Lock held. */
static void drop(struct tickets *t, struct ticket *one)
{
    struct ticket **at = bucket(t, one->digest);

    while (*at != one)
        at = &(*at)->next;
    *at = one->next;
    list_remove(&one->age);
    t->count--;
    handout_unref(one->file);
    free(one);
}

/* Lock held. */
static void expire(struct tickets *t)
{
    int64_t now = clock_ms();

    list_each(link, &t->age)
    {
        struct ticket *one = list_of(link, struct ticket, age);
        if (one->until_ms > now)
            return;
        drop(t, one);
    }
}

/* Lock held. */
static void make_room(struct tickets *t, const char *principal)
{
    struct ticket *oldest = NULL;
    size_t count = 0;

    list_each(link, &t->age)
    {
        struct ticket *one = list_of(link, struct ticket, age);
        if (strcmp(one->who.principal, principal))
            continue;
        oldest = oldest ? oldest : one;
        count++;
    }
    if (count >= TICKETS_PER_PRINCIPAL)
        drop(t, oldest);
}

void tickets_free(struct tickets *t)
{
    if (!t)
        return;
    while (!list_empty(&t->age))
        drop(t, list_of(t->age.next, struct ticket, age));
    pthread_mutex_destroy(&t->lock);
    free(t);
}

/* Lock held. False: too many are out. */
static bool add(struct tickets *t, struct ticket *one)
{
    struct ticket **at = bucket(t, one->digest);

    expire(t);
    make_room(t, one->who.principal);
    if (t->count >= TICKETS_MAX)
        return false;
    one->until_ms = clock_ms() + t->for_ms;
    one->next = *at;
    *at = one;
    list_append(&t->age, &one->age);
    t->count++;
    return true;
}

static int mint(struct tickets *t, const struct identity *who, const char *purpose,
                const char *path, struct handout *file, char text[ID_SIZE], struct err *err)
{
    size_t len = strlen(path);
    struct ticket *one;
    bool added;

    if (len > TICKET_PATH_MAX)
        return err_set(err, ERR_TOO_LARGE, "a path of more than %d bytes", TICKET_PATH_MAX);
    one = calloc(1, sizeof(*one) + len + 1);
    if (!one)
        return err_oom(err);
    id_make(PREFIX, text);
    SHA256((const unsigned char *)text, strlen(text), one->digest);
    one->purpose = purpose;
    one->who = *who;
    memcpy(one->path, path, len);
    one->file = file ? handout_ref(file) : NULL;
    pthread_mutex_lock(&t->lock);
    added = add(t, one);
    pthread_mutex_unlock(&t->lock);
    if (added)
        return 0;
    handout_unref(one->file);
    free(one);
    return err_set(err, ERR_QUOTA, "%d tickets are out", TICKETS_MAX);
}

int ticket_mint(struct tickets *t, const struct identity *who, const char *purpose,
                const char *path, char text[ID_SIZE], struct err *err)
{
    return mint(t, who, purpose, path, NULL, text, err);
}

int ticket_mint_file(struct tickets *t, const struct identity *who, const char *purpose,
                     struct handout *file, char text[ID_SIZE], struct err *err)
{
    return mint(t, who, purpose, "", file, text, err);
}

/* Lock held. */
static struct ticket *find(struct tickets *t, const unsigned char digest[DIGEST])
{
    struct ticket *one = *bucket(t, digest);

    while (one && !equal_constant_time(one->digest, digest, DIGEST))
        one = one->next;
    return one;
}

bool ticket_redeem(struct tickets *t, const char *text, const char *purpose, const char *path,
                   struct identity *who)
{
    unsigned char digest[DIGEST];
    struct ticket *one;
    bool good = false;

    if (!id_valid(PREFIX, text))
        return false;
    SHA256((const unsigned char *)text, strlen(text), digest);
    pthread_mutex_lock(&t->lock);
    expire(t);
    one = find(t, digest);
    if (one) {
        good = !one->file && !strcmp(one->purpose, purpose) && !strcmp(one->path, path);
        if (good)
            *who = one->who;
        drop(t, one);
    }
    pthread_mutex_unlock(&t->lock);
    return good;
}

bool ticket_file(struct tickets *t, const char *text, const char *purpose, bool use,
                 struct identity *who, struct handout **file)
{
    unsigned char digest[DIGEST];
    struct ticket *one;
    bool good;

    if (!id_valid(PREFIX, text))
        return false;
    SHA256((const unsigned char *)text, strlen(text), digest);
    pthread_mutex_lock(&t->lock);
    expire(t);
    one = find(t, digest);
    good = one && one->file && !strcmp(one->purpose, purpose);
    if (good) {
        *who = one->who;
        *file = handout_ref(one->file);
    }
    if (one && use)
        drop(t, one);
    pthread_mutex_unlock(&t->lock);
    return good;
}

size_t tickets_count(struct tickets *t)
{
    size_t count;

    pthread_mutex_lock(&t->lock);
    expire(t);
    count = t->count;
    pthread_mutex_unlock(&t->lock);
    return count;
}
