import { invalidArgument } from '@gantry/rpc';

export type Labels = Record<string, string>;

/** containerd's limit for key and value together, in bytes. */
const LABEL_LIMIT = 4096;

export function checkLabels(labels: Labels): void {
  for (const [key, value] of Object.entries(labels)) {
    if (key === '') throw invalidArgument('label key is empty');
    const size = Buffer.byteLength(key) + Buffer.byteLength(value);
    if (size > LABEL_LIMIT)
      throw invalidArgument(
        `label key and value length (${size} bytes) greater than maximum size (${LABEL_LIMIT} bytes), key: ${key.slice(0, 64)}`,
      );
  }
}

export function parseLabels(json: string): Labels {
  return JSON.parse(json) as Labels;
}

/** containerd's rule: an empty value in a masked update removes the label. */
export function withoutEmpty(labels: Labels): Labels {
  return Object.fromEntries(Object.entries(labels).filter(([, value]) => value !== ''));
}

/**
 * Labels after an update with a field mask. Paths `labels` replaces all, `labels.<key>` sets one (an empty value removes it). Returns undefined when
 * the path is none of labels.
 */
export function applyLabelPath(current: Labels, given: Labels, path: string): Labels | undefined {
  if (path === 'labels') return withoutEmpty(given);
  if (!path.startsWith('labels.')) return undefined;
  const key = path.slice('labels.'.length);
  const { [key]: _old, ...rest } = current;
  const value = given[key] ?? '';
  return value === '' ? rest : { ...rest, [key]: value };
}
