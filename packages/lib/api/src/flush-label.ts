/**
 * On a lease or on a container: whoever made it puts right at its own start what a power cut takes back, so nobody waits for the disk. What happens under it survives
 * the death of every process, and is on the disk with the next thing that somebody waits for. Other containerds do not know the label, and keep to their own way.
 */
export const FLUSH_LABEL = 'gantry.io/flush';

/** Its one value. */
export const FLUSH_LATER = 'later';

export const isFlushedLater = (labels: Readonly<Record<string, string>>): boolean => labels[FLUSH_LABEL] === FLUSH_LATER;
