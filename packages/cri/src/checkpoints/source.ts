import { stat } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import type { CallContext } from '@gantry/rpc';
import type { KnownImage } from '../images/catalog';
import type { Services } from '../services';

/** On the manifest or index of an image that is a checkpoint: the name of its container. */
const ANNOTATION = 'org.criu.checkpoint.container.name';

/** A checkpoint in place of an image: an archive on the host, or an image whose files are one. */
export type CheckpointSource = { readonly archive: string } | { readonly image: KnownImage };

/** What is known of manifests: they never change, and each container that is made asks. */
const known = new Map<string, boolean>();

/** Undefined: it is an image like any other, or none at all. */
export async function checkpointNamed(
  { content }: Pick<Services, 'content'>,
  ctx: CallContext,
  { wanted, image }: { readonly wanted: string; readonly image: KnownImage | undefined },
): Promise<CheckpointSource | undefined> {
  if (isAbsolute(wanted)) {
    const found = await stat(wanted).catch(() => undefined); // then it is no file, and told as an unknown image
    return found?.isFile() === true ? { archive: wanted } : undefined;
  }
  const digest = image?.stored.target?.digest ?? '';
  if (image === undefined || digest === '') return undefined;
  const is = known.get(digest) ?? (await isAnnotated(content, ctx, digest));
  known.set(digest, is);
  return is ? { image } : undefined;
}

async function isAnnotated(content: Pick<Services['content'], 'read'>, ctx: CallContext, digest: string): Promise<boolean> {
  const parts: Buffer[] = [];
  for await (const { data } of content.read(ctx, { digest, offset: 0n, size: 0n })) parts.push(data);
  const { annotations } = JSON.parse(Buffer.concat(parts).toString()) as { annotations?: Record<string, string> };
  return annotations?.[ANNOTATION] !== undefined;
}
