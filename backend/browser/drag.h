/*
 * What drag and drop keeps in a page.
 */
#ifndef BACKEND_BROWSER_DRAG_H
#define BACKEND_BROWSER_DRAG_H

#define DRAG_DATA_MAX (1024 * 1024) /* bytes of JSON of what is dragged */

#endif
