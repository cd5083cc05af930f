/** By hand, until the table of operations has previews of types. */

export interface TypeItemAnswer {
  readonly type: string;
  readonly category: string | null;
  readonly title: string;
  readonly body: string;
  readonly link: string | null;
}
export interface TypeMailAnswer {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  readonly bytes: number;
  readonly warnings: readonly string[];
  readonly templates: readonly string[];
}
export interface GateAnswer {
  readonly rule: string;
  readonly passed: boolean;
  readonly facts: Readonly<Record<string, unknown>>;
}
export interface ExplainedAnswer {
  readonly channel: string;
  readonly verdict: string;
  readonly rule: string | null;
  readonly detail: string | null;
  readonly gates: readonly GateAnswer[];
}
export interface TypePreviewAnswer {
  readonly locale: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly item: TypeItemAnswer | null;
  readonly mail: TypeMailAnswer | null;
  readonly problem: string | null;
  readonly explain: readonly ExplainedAnswer[];
}
