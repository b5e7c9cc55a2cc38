import { openStore } from "../packages/runtime/src/store/store.ts";
import { openBus } from "../packages/runtime/src/bus/store-engine.ts";
import { systemClock } from "../packages/runtime/src/clock.ts";
import { rmSync } from "node:fs";
import { randomBytes } from "node:crypto";
rmSync("/tmp/pf/bx",{recursive:true,force:true});
const store = await openStore({folder:"/tmp/pf/bx",schema:"x",migrations:[]});
const bus = await openBus({store,clock:systemClock,streams:[{name:"frames",consumers:["opener"],messagesMax:100000},{name:"contributions",consumers:["aggregator"],messagesMax:100000},{name:"sealed",consumers:["ucs"],messagesMax:100000,retainAcked:false}]});
const N=Number(process.argv[2]??6);
let c0=process.cpuUsage(), t0=performance.now();
const lap=(n:string)=>{const c=process.cpuUsage(c0);console.log(n,(performance.now()-t0).toFixed(0),"ms wall cpu",((c.user+c.system)/1e3).toFixed(0));c0=process.cpuUsage();t0=performance.now();};
let seen=0;
bus.consume("frames","opener",{batchMax:8,inFlightMax:64},async(b)=>{ await bus.publish("contributions",b.flatMap(m=>[1,2].map(k=>({id:m.id+"/"+k,subject:m.subject,body:randomBytes(1000)})))); return b.map(()=>({ack:true}));});
bus.consume("contributions","aggregator",{batchMax:256},async(b)=>{seen+=b.length;return b.map(()=>({ack:true}));});
bus.consume("sealed","ucs",{batchMax:256},async(b)=>{return b.map(()=>({ack:true}));});
for(let d=0;d<N;d++){ const ms=Array.from({length:240},()=>({id:randomBytes(32).toString("hex"),subject:randomBytes(16).toString("hex"),body:randomBytes(2100)})); 
 await bus.publish("frames",ms); await bus.publish("sealed",ms.map(m=>({...m,body:m.body.subarray(0,1200)}))); await bus.idle(); }
lap(`${N} days x 240 frames: ${seen} contributions`);
if (process.argv[3]) for (const row of await store.query("explain analyze "+`(select m.sequence, m.id, m.subject, m.body, o.attempt, o.alone from bus_open o
          join bus_message m on m.stream = o.stream and m.sequence = o.sequence
          where o.stream = $1 and o.consumer = $2 and o.due_ms <= $3
            and o.sequence <> all($4::int8[]) and starts_with(m.subject, $5)
          order by o.sequence limit $6)
       union all
       (select m.sequence, m.id, m.subject, m.body, 1, false from bus_message m
          where m.stream = $1 and m.sequence > $7 and m.sequence <> all($4::int8[])
            and starts_with(m.subject, $5)
          order by m.sequence limit $6)`,["contributions","aggregator",1,[1n,2n,3n],"",8,1n])) console.log(Object.values(row as object)[0]);
await bus.close(); await store.close();
