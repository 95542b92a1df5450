import type { Container } from '@gantry/api/containerd/services/containers/v1/containers';
import { invalidArgument } from '@gantry/rpc';

/**
 * A record with the caller's changes: without a mask everything that may change is replaced, with one only what it names.
 * Runtime name and snapshotter never change; a labels or extensions path may name one key.
 */
export function applyUpdate(current: Container, wanted: Container, mask: readonly string[] | undefined): Container {
  if (mask !== undefined && mask.length > 0) return applyMask(current, wanted, mask);
  if (wanted.snapshotter !== current.snapshotter) throw invalidArgument(`container.Snapshotter field is immutable: invalid argument`);
  if ((wanted.runtime?.name ?? '') !== (current.runtime?.name ?? ''))
    throw invalidArgument(`container.Runtime.Name field is immutable: invalid argument`);
  return { ...wanted, createdAt: current.createdAt };
}

function applyMask(current: Container, wanted: Container, mask: readonly string[]): Container {
  const made: Container = { ...current, labels: { ...current.labels }, extensions: { ...current.extensions } };
  for (const path of mask) {
    if (path.startsWith('labels.')) {
      setKey(made.labels, wanted.labels, path.slice('labels.'.length), (value) => value !== '');
    } else if (path.startsWith('extensions.')) {
      setKey(made.extensions, wanted.extensions, path.slice('extensions.'.length), () => true);
    } else if (path === 'labels') {
      made.labels = { ...wanted.labels };
    } else if (path === 'extensions') {
      made.extensions = { ...wanted.extensions };
    } else if (path === 'spec') {
      made.spec = wanted.spec;
    } else if (path === 'image') {
      made.image = wanted.image;
    } else if (path === 'snapshotkey' || path === 'snapshot_key') {
      made.snapshotKey = wanted.snapshotKey;
    } else {
      throw invalidArgument(`cannot update "${path}" field on "${current.id}": invalid argument`);
    }
  }
  return made;
}

/** Sets one key as the caller has it; what the caller lacks is removed. */
function setKey<V>(target: Record<string, V>, source: Readonly<Record<string, V>>, key: string, keep: (value: V) => boolean): void {
  const value = Object.hasOwn(source, key) ? source[key] : undefined;
  if (value === undefined || !keep(value)) delete target[key];
  else target[key] = value;
}
