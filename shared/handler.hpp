// Everything that a handler file includes besides its models and its SQL.
#pragma once

#include "shared/context.hpp"
#include "shared/db/database.hpp"
#include "shared/endpoint.hpp"
#include "shared/error.hpp"
#include "shared/http/conditional_write.hpp"
#include "shared/http/page.hpp"
#include "shared/http/request.hpp"
#include "shared/http/response.hpp"
#include "shared/idempotency/request_key.hpp"
#include "shared/lists/answer_list.hpp"
#include "shared/text.hpp"
