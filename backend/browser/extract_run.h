/*
 * One frame's part of an extraction: the script of web/ in our world of that frame.
 */
#ifndef BACKEND_BROWSER_EXTRACT_RUN_H
#define BACKEND_BROWSER_EXTRACT_RUN_H

#include "backend/browser/element.h"
#include "backend/browser/extract.h"

#define EXTRACT_BELOW_MAX 32 /* frames directly below one that are looked at */

struct extract_run {
    struct page *page;
    struct call *call;
    enum extract_format format;
    char marker[ID_SIZE]; /* of frames in the content: marker, number, "x"; no page knows it */
    struct page_frame *frames;
    size_t count;
};

struct extract_piece {
    struct buf content;
    char how[64], cut[16];
    size_t below; /* frames that are shown in it: */
    struct {
        size_t number; /* in extract_run.frames */
        double share;  /* of the view */
    } frames[EXTRACT_BELOW_MAX];
};
void extract_piece_done(struct extract_piece *p);

/* element: NULL, or in that frame. */
int extract_frame(struct extract_run *run, size_t number, const struct element *element,
                  bool main_only, struct extract_piece *out, struct err *err) MUST_CHECK;

/* Whether that document changed since it was last extracted; false also when that is not known. */
bool extract_changed(struct page *page, const struct page_frame *frame, struct call *call);

#endif
