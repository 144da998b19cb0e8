/*
 * A doubly linked list whose links live in the elements. The head is a link too;
 * a list that was never initialised (all zero) counts as empty for list_empty().
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *prev, *next;
};

static inline void list_init(struct list *head)
{
    head->prev = head->next = head;
}

static inline bool list_empty(const struct list *head)
{
    return !head->next || head->next == head;
}

static inline void list_append(struct list *head, struct list *link)
{
    link->prev = head->prev;
    link->next = head;
    head->prev->next = link;
    head->prev = link;
}

/* Removing an element twice, or one that was never added (all zero), is harmless. */
static inline void list_remove(struct list *link)
{
    if (!link->next)
        return;
    link->prev->next = link->next;
    link->next->prev = link->prev;
    link->prev = link->next = NULL;
}

#define list_of(link, type, member) ((type *)((char *)(link)-offsetof(type, member)))

#define list_each(var, head)                                                    \
    for (struct list *var = (head)->next, *var##_next = var ? var->next : NULL; \
         var && var != (head); var = var##_next, var##_next = var ? var->next : NULL)

#endif
