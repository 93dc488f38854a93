/**
 * The sample shop's club knows its members: here by the address, elsewhere by a login.
 */
"use strict";

window.GLANCE_COBROWSE = { visitorid: new URLSearchParams(location.search).get("member") ?? "" };
