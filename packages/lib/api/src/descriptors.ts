import { brotliDecompressSync } from 'node:zlib';

/**
 * The serialized google.protobuf.FileDescriptorSet of everything in proto/ with its imports.
 * Loaded and unpacked on the first call only: reflection is rare, and an idle service should not pay for it.
 */
export async function loadDescriptorSet(): Promise<Buffer> {
  const { packedDescriptorSet } = await import('./gen/descriptor-set');
  return brotliDecompressSync(Buffer.from(packedDescriptorSet, 'base64'));
}
