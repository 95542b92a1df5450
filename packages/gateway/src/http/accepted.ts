/** The media type of `offers` that an Accept header names with the greatest weight, the first of several; wildcards name none. */
export function accepted(header: string, offers: readonly string[]): string | undefined {
  const weights = new Map<string, number>();
  for (const range of header.split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim());
    const q = parameters.find((parameter) => /^q\s*=/i.test(parameter));
    const weight = q === undefined ? 1 : Number(q.slice(q.indexOf('=') + 1));
    if (weight > (weights.get(type) ?? 0)) weights.set(type, weight);
  }
  const weightOf = (offer: string): number => weights.get(offer) ?? 0;
  const best = Math.max(...offers.map(weightOf));
  return best > 0 ? offers.find((offer) => weightOf(offer) === best) : undefined;
}
