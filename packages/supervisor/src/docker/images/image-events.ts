import type { Image, Removed } from '@gantry/api/gantry/images/v1/images';
import type { DockerEvents } from '../events';

export type ImageAction = 'delete' | 'import' | 'load' | 'pull' | 'push' | 'save' | 'tag' | 'untag';

/** Emits docker's image events: Actor.ID is what the action is about, `name` and the image's labels are its attributes. */
export class ImageEvents {
  constructor(private readonly docker: Pick<DockerEvents, 'emit'>) {}

  emit(
    action: ImageAction,
    subject: { readonly id: string; readonly name: string; readonly labels?: Readonly<Record<string, string>> },
  ): void {
    this.docker.emit({ type: 'image', action, id: subject.id, attributes: { ...subject.labels, name: subject.name } });
  }

  /** untag and delete, in the order of the removal. Labels are those that the images had before it. */
  removed(entries: readonly Removed[], before: ReadonlyMap<string, Image>): void {
    for (const { untagged, deleted, imageId } of entries) {
      const id = imageId || deleted;
      if (id === '' || (deleted !== '' && deleted !== id)) continue;
      const labels = before.get(id)?.labels ?? {};
      this.emit(untagged === '' ? 'delete' : 'untag', { id, name: untagged === '' ? id : untagged, labels });
    }
  }

  pruned(reclaimed: bigint): void {
    this.docker.emit({ type: 'image', action: 'prune', id: '', attributes: { reclaimed: String(reclaimed) } });
  }
}

/** The name without tag or digest, as dockerd's pull and push events have it. */
export function repositoryOf(reference: string): string {
  const bare = reference.split('@', 1)[0] ?? reference;
  const colon = bare.lastIndexOf(':');
  return colon > bare.lastIndexOf('/') ? bare.slice(0, colon) : bare;
}
