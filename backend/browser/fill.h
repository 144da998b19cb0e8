/*
 * Fields of a form, each one as its kind wants it.
 */
#ifndef BACKEND_BROWSER_FILL_H
#define BACKEND_BROWSER_FILL_H

#include "backend/browser/input.h"

#define FILL_NOW_MAX 256 /* bytes told of what a field made of its text */

struct filled {
    const char *did;        /* "typed into", "chose in", "checked", "left" */
    char now[FILL_NOW_MAX]; /* what it holds, when that is not what was given; "" */
};

/*
 * Text, dates, times, ranges and colours are typed, of lists the option of that label or value is
 * chosen, boxes and radio buttons take "true" and "false". The target may be a label. ERR_INVALID
 * names the tool for what takes none of these.
 */
int input_fill(struct page *page, const struct input_target *target, const char *value,
               struct call *call, struct filled *out, struct page_report *report,
               struct err *err) MUST_CHECK;

#endif
