/* One JSON object on one line: begin, fields, end. What does not fit is cut off. */
#pragma once
#include "lib/types.h"

struct json { u32 len; char text[1000]; };

void json_begin(struct json *j);
void json_put(struct json *j, const char *text);	/* raw */
void json_str(struct json *j, const char *key, const char *value);
void json_u64(struct json *j, const char *key, u64 value);
void json_bool(struct json *j, const char *key, bool value);
/* Closes the object and the line: text[0..len) is ready to be written. */
void json_close(struct json *j);
