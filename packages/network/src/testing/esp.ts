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

/** What guards an encrypted network where there is no key: policies and rules that ask for states. */
export function whatGuardsLack(): string | undefined {
  if (process.getuid?.() !== 0) return 'root';
  const rule = 'add table t; add chain t c { type filter hook input priority 0; }; add rule t c ipsec in reqid 1 accept';
  for (const [what, command] of [
    ['policies of xfrm (module xfrm_user)', ['ip', 'xfrm', 'policy']],
    ['nft rules that ask for states (module nft_xfrm)', ['nft', rule]],
    ['a kernel with VXLAN (module vxlan)', ['ip', 'link', 'add', 'vx', 'type', 'vxlan', 'id', '1', 'dstport', '4789']],
  ] as const)
    try {
      execFileSync('unshare', ['-n', ...command], { stdio: 'ignore' });
    } catch {
      return what;
    }
  return undefined;
}
