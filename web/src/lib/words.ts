/** Sentences as they are shown. */

/** Words that begin a sentence; what else stands there is a name, and stays as it is written. */
const COMMON =
  /^(an?|the|there|no|not|this|that|what|nothing|only|it|its|some|somebody|nobody|you|every|each|such|one|two|both|in|of|with|look|write|see|ask|give|choose|log|did|is|are|has|cancel|wait|try|go)\b/

/** With a capital where it begins with a word, not with a name or a command. */
export function sentence(text: string): string {
  return COMMON.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text
}
