/**
 * The first chart's questions, asked while the rest of the page is still loading: whoever asks the
 * same a moment later takes the answer that is under way. No order is kept between an async script and
 * the page's others: where this one comes last, everything was asked already.
 */

import { begin } from "./api.js";
import { asked, todayHere } from "./days.js";

begin("place");
begin("reports/daily_plays", asked(location.search, todayHere()));
