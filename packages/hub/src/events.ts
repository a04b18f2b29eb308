import type { PullPlan } from './plan.ts';

/** What happens during a pull. Byte counts of a file include what an earlier run had left. */
export type PullEvent =
  | { readonly type: 'plan-made'; readonly plan: PullPlan }
  /** Another process downloads this file; its result will be used. */
  | { readonly type: 'file-awaited'; readonly path: string; readonly holder: string }
  | {
      readonly type: 'file-started';
      readonly path: string;
      readonly bytes: number;
      readonly resumedBytes: number;
    }
  /** Sent about once a mebibyte. */
  | {
      readonly type: 'bytes-received';
      readonly path: string;
      readonly bytes: number;
      readonly receivedBytes: number;
    }
  /** What had arrived of this file was dropped, and it is downloaded from its beginning. */
  | { readonly type: 'file-restarted'; readonly path: string; readonly reason: string }
  /** Everything arrived; now the hash is computed. */
  | { readonly type: 'verification-started'; readonly path: string; readonly bytes: number }
  | { readonly type: 'file-finished'; readonly path: string; readonly bytes: number }
  | {
      readonly type: 'request-retried';
      /** The file, or what else was asked for. */
      readonly subject: string;
      readonly attempt: number;
      readonly waitSeconds: number;
      readonly reason: string;
    };
