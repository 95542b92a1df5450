import { execFileSync } from 'node:child_process';

/** What encrypted networks need beside what all of several engines do. Says which is missing. */
export function whatEncryptionLacks(): string | undefined {
  const ask = ['xfrm', 'state', 'add', 'src', '192.0.2.1', 'dst', '192.0.2.2', 'proto', 'esp', 'spi', '0x1000', 'mode', 'transport'];
  try {
    execFileSync('unshare', ['-n', 'ip', ...ask, 'aead', 'rfc4106(gcm(aes))', `0x${'00'.repeat(36)}`, '128'], { stdio: 'ignore' });
  } catch {
    return 'a kernel with ESP (modules xfrm_user, esp4) and AES-GCM';
  }
  return undefined;
}
