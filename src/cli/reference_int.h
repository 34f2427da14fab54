/* The pages that are made of the built-in model. */
#ifndef HEDDLE_CLI_REFERENCE_INT_H
#define HEDDLE_CLI_REFERENCE_INT_H

#include "base/str_builder.h"
#include "model/model.h"

void reference_model(const struct model *model, struct str_builder *out);
void reference_reasons(const struct model *model, struct str_builder *out);

#endif
