import { errorText, type Logger } from '@gantry/rpc';
import type { Referrer } from './referrers';
import type { FetchedManifest, Reader } from './repository';

/** Several places with the same repository, best first. What one does not have or cannot finish the next one gives. */
export class Readers implements Reader {
  constructor(
    private readonly places: readonly [Reader, ...Reader[]],
    private readonly logger: Logger,
  ) {}

  manifest(reference: string, signal?: AbortSignal): Promise<FetchedManifest> {
    return this.first((place) => place.manifest(reference, signal), signal);
  }

  async *blob(digest: string, size: number, offset: number, signal?: AbortSignal, lent = false): AsyncGenerator<Buffer> {
    let at = offset;
    for (const [index, place] of this.places.entries()) {
      try {
        for await (const part of place.blob(digest, size, at, signal, lent)) {
          at += part.length;
          yield part;
        }
        return;
      } catch (error) {
        if (signal?.aborted === true || index === this.places.length - 1) throw error;
        this.logger.warn({ digest, at, why: errorText(error) }, 'a mirror failed: the next place is asked');
      }
    }
  }

  referrers(digest: string, artifactType: string, signal?: AbortSignal): Promise<Referrer[]> {
    return this.first((place) => place.referrers(digest, artifactType, signal), signal);
  }

  private async first<T>(ask: (place: Reader) => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    for (const [index, place] of this.places.entries()) {
      try {
        return await ask(place);
      } catch (error) {
        if (signal?.aborted === true || index === this.places.length - 1) throw error;
      }
    }
    return ask(this.places[0]);
  }
}
