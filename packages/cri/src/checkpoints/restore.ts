import { copyFile, mkdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ContainerConfig, CreateContainerRequest } from '@gantry/api/runtime/v1/api';
import { hasCode } from '@gantry/linux';
import { type CallContext, errorText, prefixed } from '@gantry/rpc';
import { unknown } from '../failures';
import { findKnown, type KnownImage, listKnown } from '../images/catalog';
import { pullImage } from '../images/pull';
import type { Needs } from '../sandboxes/needs';
import { restoredConfig, type StatusDump } from './restored-config';
import type { CheckpointSource } from './source';
import { unpackCheckpoint } from './unpack';

/** A container that goes on from a checkpoint: what it is made of in place of what was asked for. */
export interface Restored {
  readonly config: ContainerConfig;
  readonly image: KnownImage;
}

/** Folders of checkpoints whose containers were made and not started yet. */
const restoresFolder = (data: string): string => join(data, 'restores');
export const restoreFolder = (data: string, id: string): string => join(restoresFolder(data), id);

/** What criu restores from. */
export const criuImages = (data: string, id: string): string => join(restoreFolder(data, id), 'checkpoint');

/** Lays the checkpoint out for a container that is being made, and tells of whom it is. */
export async function openCheckpoint(
  needs: Needs,
  ctx: CallContext,
  { id, source, request }: { readonly id: string; readonly source: CheckpointSource; readonly request: CreateContainerRequest },
): Promise<Restored> {
  const { config, sandboxConfig } = request;
  if (config === undefined || sandboxConfig?.metadata === undefined) throw unknown('sandboxConfig must not be empty');
  const folder = restoreFolder(needs.roots.data, id);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await unpackCheckpoint(needs.services, ctx, source, folder);
  const dump = await readDump<{ rootfsImageRef?: string; rootfsImageName?: string; checkpointedTime?: string }>(folder, 'config.dump');
  await readDump(folder, 'spec.dump'); // as the original insists
  const status = await readDump<StatusDump>(folder, 'status.dump');
  return {
    config: restoredConfig(config, { status, at: dump.checkpointedTime ?? '', podUid: sandboxConfig.metadata.uid }),
    image: await baseImage(needs, ctx, dump.rootfsImageRef ?? '', dump.rootfsImageName ?? ''),
  };
}

/** The log goes on behind what the checkpoint has of it. */
export async function restoreLog(data: string, id: string, logPath: string): Promise<void> {
  if (logPath === '') return;
  await mkdir(dirname(logPath), { recursive: true, mode: 0o755 });
  await copyFile(join(restoreFolder(data, id), 'container.log'), logPath).catch((error: unknown) => {
    if (!hasCode(error, 'ENOENT')) throw unknown(`restoring container log file ${logPath} failed: ${errorText(error)}`, { cause: error });
  });
}

export const removeRestore = (data: string, id: string): Promise<void> => rm(restoreFolder(data, id), { recursive: true, force: true });

async function readDump<T>(folder: string, name: string): Promise<T> {
  try {
    return JSON.parse(await readFile(join(folder, name), 'utf8')) as T;
  } catch (error) {
    throw unknown(`failed to read "${name}": ${errorText(error)}`, { cause: error });
  }
}

/** The image that the container was made from: the one that is here, else the registry's. */
async function baseImage({ services }: Needs, ctx: CallContext, ref: string, name: string): Promise<KnownImage> {
  const known = await listKnown(services, ctx);
  const here = findKnown(known, ref) ?? findKnown(known, name);
  if (here !== undefined) return here;
  const image = { image: ref, annotations: {}, userSpecifiedImage: '', runtimeHandler: '', imageRef: '' };
  const { imageRef } = await pullImage(services, ctx, { image, auth: undefined, sandboxConfig: undefined }).catch((error: unknown) => {
    throw prefixed(error, `failed to pull checkpoint base image ${ref}`);
  });
  const pulled = findKnown(await listKnown(services, ctx), imageRef);
  if (pulled === undefined) throw unknown(`failed to resolve image "${name}" during checkpoint import`);
  return pulled;
}
