import { openStore } from "../packages/runtime/src/store/store.ts";
import { rmSync, readFileSync } from "node:fs";
import { randomBytes } from "node:crypto";
const store = await openStore({folder:"/tmp/pf/bx",schema:"x",migrations:[]});
const src=readFileSync("/work/main/packages/runtime/src/bus/stream-state.ts","utf8");
const sql=/`(with seen[\s\S]*?from written)`/.exec(src)![1]!;
const n=16; const p=[ "contributions", Array.from({length:n},(_,i)=>BigInt(1000000+i)), Array.from({length:n},()=>randomBytes(32).toString("hex")), Array.from({length:n},()=>"a"), Array.from({length:n},()=>randomBytes(1000)), 5n];
for (let i=0;i<2;i++){ p[1]=(p[1] as bigint[]).map(x=>x+100n); p[2]=(p[2] as string[]).map(()=>randomBytes(32).toString("hex")); for (const row of await store.query("explain analyze "+sql,p)) if(i) console.log(Object.values(row as object)[0]);}
let t=performance.now(); for(let k=0;k<100;k++){ p[1]=(p[1] as bigint[]).map(x=>x+100n); p[2]=(p[2] as string[]).map(()=>randomBytes(32).toString("hex")); await store.query(sql,p);} console.log("avg",(performance.now()-t)/100);
p[4]=(p[4] as Uint8Array[]).map(()=>randomBytes(10));
t=performance.now(); for(let k=0;k<100;k++){ p[1]=(p[1] as bigint[]).map(x=>x+100n); p[2]=(p[2] as string[]).map(()=>randomBytes(32).toString("hex")); await store.query(sql,p);} console.log("avg small body",(performance.now()-t)/100);
t=performance.now(); for(let k=0;k<100;k++){ await store.query("select 1");} console.log("avg select 1",(performance.now()-t)/100);
t=performance.now(); for(let k=0;k<100;k++){ await store.query("select length(a[1]) from (select $1::bytea[] as a) x",[Array.from({length:n},()=>randomBytes(1000))]);} console.log("avg param bytea",(performance.now()-t)/100);
await store.close();
