/* The options of the classifier. */
#include "config/config_options_table.h"

/* clang-format off */
static const struct config_option options[] = {
	{ "classifier", "enabled", CONFIG_FLAG, "yes", AT(classifier.enabled),
	  "Its verdict is a line of the score table.", .at_start = true },
	{ "classifier", "min-messages", CONFIG_NUMBER, "200", AT(classifier.min_messages),
	  "So many messages of each kind must have been learned before it says anything: who knows "
	  "little is wrong with confidence.", .min = 1, .max = 1000000 },
	{ "classifier", "spam", CONFIG_TEXT, "4", AT(classifier.spam_text),
	  "What it adds to the score when it is sure (0.99) that it is spam; half of that from 0.9 on." },
	{ "classifier", "ham", CONFIG_TEXT, "-1.5", AT(classifier.ham_text),
	  "The same when it is sure that it is wanted (0.01, 0.1)." },
	{ "classifier", "max-tokens", CONFIG_NUMBER, "200000", AT(classifier.max_tokens),
	  "Words that are known of each account's mail, and of the shared; beyond, those go that were "
	  "learned longest ago. One takes about 40 bytes.", .min = 1000, .max = 10000000 },
	{ "classifier", "max-messages", CONFIG_NUMBER, "20000", AT(classifier.max_messages),
	  "Messages that are remembered as learned, so that the same one counts once.", .min = 100,
	  .max = 10000000 },
	{ "classifier", "learn-from-moves", CONFIG_FLAG, "yes", AT(classifier.learn_from_moves),
	  "What users move or copy into Junk over IMAP is learned as spam, what they move out of it "
	  "(not to Trash) as ham, for their own mail; the keywords $Junk and $NotJunk say the same.",
	  .at_start = true },
	{ "classifier", "learn-shared", CONFIG_FLAG, "no", AT(classifier.learn_shared),
	  "What users move teaches the classifier of everybody, too. One who errs, or means ill, then "
	  "does so for all." },
	{ "classifier", "max-waiting", CONFIG_NUMBER, "5000", AT(classifier.max_waiting),
	  "Messages of an account that were moved and are still to be learned; moves beyond teach "
	  "nothing.", .min = 1, .max = 100000 },
};
/* clang-format on */
const struct config_option_table config_options_classifier = CONFIG_OPTION_TABLE(options);
