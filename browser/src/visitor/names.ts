/**
 * Names that the visitor's script gives to what it puts into the page.
 */

/** The widget's host element. It is not recorded. */
export const WIDGET_TAG = "glance-cobrowse-widget";

/** What the console lines begin with. */
export const LOG_PREFIX = "Cobrowse:";
