/** Records of images that have no name, or lost it: docker's <none>:<none>. */
export const danglingName = (digest: string): string => `${danglingPrefix}@${digest}`;
export const danglingPrefix = 'gantry-dangling';

/** On a record: digest under which the registry of its name knows the image. */
export const repoDigestLabel = 'gantry.io/repo-digest';

/** On a configuration: id of the image that it was made from here. */
export const parentLabel = 'gantry.io/parent-image';
