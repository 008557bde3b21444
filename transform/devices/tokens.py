"""What gives a device away in its agent: one table of tokens for each kind of thing.

A token is a fragment of a regular expression for the Rust `regex` crate (linear time, no
lookaround), matched without regard to case. White space separates tokens, so a blank inside one
is `\\s`. A table ending in `_MODELS` holds the beginnings of model names; there `_` stands for the
blank, dash or underscore that makers use alike. All are names that makers and products publish by
sending them; they are in alphabetical order of their letters.
"""

# Crawlers, previews, monitors and other programs, also where they pose as somebody's browser.
BOTS = r"""
    @[a-z0-9-]+\.[a-z]  \babuse\.  acunetix  adbeat  addthis  ahrefs  alertsite  amazonbuyforme
    analyzer  anthropic  anturis  apache-  apis-google  appengine-google  appinsights  archive-it
    archive\.org  ask\sjeeves  auditor  axios/  barkrowler  barracuda  biglotron  bingpreview
    bot[/_.:;0-9-]  bot\b  botify  bots\b  brandverity  brandwatch  browsershots  browserstack
    bytespider  capture/  catchpoint  censys  chatgpt  check_  check(?:er|host|ly|mark|s)?\b
    chrome/w\.x  claude-  cloudflare  cohere-  collapsify  \+?collection@  collector\b
    commoncrawl  contentking  contextad  cookiehub  crawl  criticalcss  curl/  cybaa  cypress
    dareboost  datadog  datanyze  dataprovider  daum(?:oa|,)  debugbear  deepcrawl  dejaclick
    detectify  devin/  diagnostics  dmbrowser  domains?/  doubleverify  duckassist  duplexweb
    dynatrace  electron.*pingdom  embedly  expander  externalhit  facebookcatalog  favicon
    feed(?:bin|burner|fetcher|ly|parser|reader|validator)  fetch(?:er)?\b  finder/  flipboardproxy
    geoedge  ghost\sinspector  go-http-client  gomez  google-[a-z]  google(?:docs|other|security)
    google\s(?:favicon|page\sspeed|search\sconsole|web\spreview)  googleimageproxy  grabber
    grapeshot  gtmetrix  hardenize  harvest  headless  healthcheck  heritrix  hetrixtools  hotjar
    html_?(?:check|unit|valid)  http_?(?:client|get|mon|unit)  \+https?:  httrack  hubspot
    ia_archiver  iframely  index(?:er|ing)  infegy  inspect(?:or|ion)  inspici  instapaper
    iplabel  ips-agent  ^java/  \bjava/1  \$\{jndi:  jsdom  keynote  ktxn  \bl9(?:explore|tcpid)
    larbin  libwww-perl  lighthouse  link(?:check|dex|preview|tiger|walker)
    (?:link|url|uri|web|page)\s?-?preview  linkverif  lipperhey  loadimpact  lookup  ltx71
    manus-user  marketgoo  masscan  mediapartners  mediatrust  megaindex  metrics  mimecast
    mirror  mistralai  mobileok  monitis  monitor(?:ing)?\b  moreover  morningscore  nessus
    netcraft  netpeak  netsparker  newrelic  newsblur  newsgatoronline  newspaper  nikto  nmap
    nutch  oai-search  oncrawl  onetrust  openvas  optimizer  page\s?(?:burst|peeker|speed|thing)
    panscient  parser\b  perl/  perplexity  phantomjs  \bphp/[0-9]  pingdom  playstore-google
    playwright  prerender  -preview  probe\b  proofpoint  proximic  proxy\b  ptst/  pulsepoint
    puppeteer  pwabuilder  pycurl  python  qualys  qwantify  rebelmouse  rendertron  research
    rigor  robozilla  \brss\b  \bruby/  ^ruby\b  ruxit  saucelabs  scan(?:ner|alert)?\b  scoop
    scrap(?:e|er|ing|y)\b  screaming\sfrog  screenshot  search(?:engine|monkey)
    security(?:headers|trails)  selenium  semantic  sentry/  \bseo  shareaholic  shodan  silktide
    sistrix  site24x7  siteanalyzer  sitebulb  siteimprove  sitelock  sitemap
    sites?\s?(?:explorer|sucker)  sitespeed  slimerjs  slurp  snacktory  snap\surl  snippet
    \bspark\scommit  speedcurve  spider  splash/  sqlmap  sqwatcher  statuscake  subscribers
    sucuri  survey  synthetic  talkwalker  thumb(?:nail|sniper)  tineye  traceroute  tracker\b
    trapit  \(unknown;\slinux\s(?:i|x)  uptime  uptimia  uptrends  urlvalid  user-?agent
    usercentrics  valid(?:ator|ation)  verif(?:ication|ier|y)  virustotal  vkshare  wappalyzer
    watch(?:er|ful|mouse)/  web(?:capture|copier|index|pagetest|search|thumb|zip)  webdriver
    webscout  website  wget  whatcms  whatsmyip  wombles  woorank  worker\b  wp_is_mobile  wpscan
    yahoo!\s?(?:link|slurp)  yandex(?:metrika|webmaster)  yottaa  zabbix  zgrab  zmeu  zombie\.js
"""

# A home page or a contact in a browser's agent: the manners of a crawler.
CALLING_CARDS = r"""
    compatible;[^)]*(?:https?://|www\.)  like\sgecko;\s(?:compatible|google)
    mozilla/5\.0.*(?:https?://|www\.)
    ^mozilla/5\.0(?:\s\((?:macintosh|windows\snt|x11)[^()]*\))?$
    safari/[0-9.]+;?\s\(?(?:compatible|\+|[a-z0-9-]+\.(?:ai|com|fr|io|net|org)\b)
"""

# What products that examine sites call themselves behind the agent of a computer's browser.
EXAMINERS = r"""
    agent  analytic  archiv  audit  automat  beat\b  certif  complian  consent  cookie  crawler
    discover  domain  extract  grab  health  insight  inspect  lookup  malware  monitor  perform
    phish  policy  privacy  proxy  quality  rank  render  research  safety  scan  scor(?:e|ing)
    scout  security  server  snapshot  social  statist  status  survey  tester  testing  threat
    tracer  trend  validate  virus  warmer  warm-?up  website
"""

# Consoles, wearables, speakers, cars, cameras, displays and tills: none of the five kinds.
OTHER = r"""
    airplay/  audioos  bunjalloo  devicetype/smart  dilink  family\shub  homepod  nintendo
    oculusbrowser  ouya  playstation  polestar  porsche  \(ps3\)  ps[45];  sega\s?dreamcast
    sonos;  sonos/[0-9.a-z-]+\s\((?:br|play|zps|z)  tesla/  vr\ssafari  watch\s?os  wearos
    windows\sphone.*xbox  xbox  yandexstation  zunehd
"""
OTHER_MODELS = r"""
    [0-9]{2}bdl[0-9]{4}  a9[1-9]0\)  ac8257  (?:ac|at)?8227l  activpanel  aeo[a-z]{2,3}\b  aftlbt
    agptek  ak[0-9]{2}\)  ams1\)  apollo[0-9]  appllp  archos_gamepad  ayn_  banana_?pi  benq_g
    benz_  bpi-  byd_  [a-z0-9_-]*(?:car_?play|_pos|projector|printer)\b  cayin  clevertouch
    clover_  coolpix  cowon  cs10  da[0-9]{3}hl  da[0-9]{3}hq?l  dangbei  dasaita  datalogic
    diggro  diofox  dmh-  dpvr  dt[0-9]{2}\)  dx[0-9]{3}_?(?:max|ex|pro)?\)
    echo[_/](?:dot|show|[0-9])  ek-g[cn]  elo_?touch  embt3c  eonon  epson  fanvace  feitian  fiio
    finow  formovie  fyt[0-9]*  gear_  glass_[0-9]  gminfo  gpd_  g_watch  havit_pj  hcc[0-9]
    hiby  hikey  hizpo  hmt[0-9]{3}  huawei_watch  iauto  ibasso  idata_  ifp[0-9]{4}  ihu[0-9]
    imin_  ingenico  inrico  ipod  isudar  jmgo  joying  junsun  k2001  kc0[0-9]  kingwear  kospet
    kw[0-9]{2}\b  lem1[0-9]  lemfo  leo-(?:bx|dl)  lf[0-9]{2}\)  m3_?sm  magic_leap  makibes
    maxhub  mbux  mc[0-9]{2}(?:00)?\)  mechen  mekede  mirrorlink  mobi(?:go|print|wire)  mogo
    moto_360  moverio  mpc-[0-9]{2}  multipos  n910  nanopi  navifly  nebula  neo_?3  newland
    newline  nexgo  nw-[a-z]{1,2}[0-9]  octa-?core_t[0-9]  odin2?\)  odroid  omate  onkyo  optoma
    orange_?pi  ow[0-9]{2}w  p2(?:lite|_pro|pro)  pacific\b  pax_  pda\b  philips_picopix
    pico_(?:[0-9]|neo)  pioneer_xdp  pnc[0-9]{3}  portal(?:go)?[+)]  prodvx  ps20[a-z]?\)
    px[56]\b  qiyu  quad-?core_[rt][0-9]  quest_[0-9p]  raspberry_pi  realwear  retroid
    rg[0-9]{3}  rk(?:25|95)\)  rock_?pi  rogbid  roik?[0-9]  ruizu  s1[ef]2  saturn1000
    sbid[0-9-]  sda-[0-9]  seewo  shanling  shield_(?:build|portable)  smart_?board
    [a-z0-9_-]*smart_?watch  sm-(?:r[0-9]|v700)  (?:sp|uis|ums)[0-9]{3,4}[a-z]?_[0-9]  sunmi
    surfans  t1[12]00g  t21g  t[38]-p[0-9]  tempotec  tesla_model  teyes  thinksmart
    thor_[0-9a-z]\b  ticwatch  timmkoo  tinker_board  topwise  tps[0-9]{3}  ts1[08]\b  ultraocta
    urbane  urovo  v2s?_pro  verifone  viewboard  vive_  volvo  vr-[0-9]{4}  vuzix  wanbo
    wa?tch[0-9]{1,2},[0-9]  wisenet  wi[sz](?:ar)?e?pos  wizpos  wpos  xdh-  xdp-[0-9]  xduoo
    xgimi  xming  xreal  xtrons  yp-g[0-9a-z]  yt[0-9]{4}[a-z]?\)  zeblaze  [a-z_]*zenwatch  zx1\)
"""

TVS = r"""
    amazon;aft  android\s?box  android\s?tv  apple\s?tv  aquos-  bravia
    build/(?:m5c14j|pi;|ppr2\.|rt;|[p-v]t[cgkmt][0-9a-z]?\.)  ce-html  chromecast  crkey
    digital-tv  dtv_  espial  g[o0]{2}gle\s?tv  hbbtv  hybridcast  iptv  ktv[;)\s]  kylo
    \(linux\s(?:aarch64|armv|mips|sh4)  linux/smarttv  maple  media\s?box  mibox  netcast
    netrangemmh  nettv  nvidia[\s_]shield  \bomi/  opera\stv  roku  safari/[0-9.]+\stv\b  set-?top
    smart-?hub  smart-?tv  sony(?:bdp|dtv)  \bstb\b  stb[0-9]  stick\s4k
    stream(?:er|ing)?\s(?:box|stick)  technisat  tivimate  tivoos  tizen.*\btv\b  tsbnettv
    [\s_-]tv[\s_/)-]  tv[\s_-]?(?:box|stick)  tvos  tv\ssafari  viera  vizios?  vstvb  web0s
    webos\.?tv  wv-atv
"""
# The model codes of most Android televisions hold the diagonal in inches, from 24 up.
TV_MODELS = r"""
    (?:[a-z]{1,10}_)?(?:24|28|32|39|4[0-358-9]|5[0158]|6[05]|7[057]|8[256]|98)[a-z]{1,6}(?:_?[0-9]{2}|[0-9a-z]+[0-9])
    [a-z]{1,2}(?:24|28|32|39|4[0-358-9]|5[0158]|6[05]|7[057]|8[256]|98)[a-z]{2,6}[0-9]
    (?:a5|a9[58]|h9[56]|m[89]|t9[58]|x[89][2-9]|z[24689])[sx]?_?(?:max|mini|plus|pro|w)\b  a95x
    abox  aft[a-z]{1,4}[0-9]*\b  alfawise  amiko  andowl  aosp_on_[a-z][0-9]  aosp_tv  arcelik
    as51[0-9]\b  b[ae]{1,2}link  base_shell  bbk_?  bbox  bcm7[0-9]{3}  bell_streamer  bfx-
    blaupunkt_  bqeel  claro  cloudwalker  coocaa  c[sx]-?91[89]  cube_tv  d[ciu]?iw[0-9]{3}
    dexp_?[0-9]{2}  doogee_?tv  dreambox  dune_  dv[89][0-9]{3}  ec6108  edision  egreat  eltex
    evoke_hdi  evpad  fengmi  formuler  freebox  fundroid  gd1\b  gk802  gt1_?mini  gt-?king  h96
    haier_?[a-z]*[0-9]{2}  harper_[0-9]{2}  hi35[0-9]{2}  hi37[0-9]{2}  hi?3798  himedia
    hiper_media  hk1\b  homatics  hst_[0-9]  humax  hyundai_?h-led  iconbit_movie  iffalcon
    imaqliq  invin  jhs[bcdh]  kaon  kata_box  kd[0-9]+_?pro  khadas  k[i]{1,3}_pro  kivi_
    km[0-9]{1,2}_?(?:max|plus|pro)?\)  konka  [a-z0-9]*_?(?:led|lc|lsc)[2-9][0-9]  leelbox  lpx-g
    lt-[0-9]{2}  m3s\b  mag[45][0-9]{2}  magicsee  mbox  mdz-  measy  mecool  meson  meta_box
    mi_box  minix  mitv  mk(?:80[0-9]|888|9[0-9]{2})  mlt[0-9]  mt5[0-9]{3}  mx(?:9|10|q|iii)\b
    mygica  mystery_tv  neo-[xu][0-9]  nexbox  nexon_x  next_[0-9]{4}  nogapc  nordmende
    nv[0-9]{3}  octagon  oneplus_tv  openbox  ozonehd  pendoo  polar(?:line)?_  pvbox  q-?box
    q[mv][0-9]{3}e  q_?plus  quad-?box  r69  realme_tv  remix_mini  rk3[0-9]{3}  rkm_  rombica
    s(?:805|905|912)  sagemcom  sberbox  scishion  sdott  sdstb  sei[0-9]{3}  selenga
    shield_android  skystream  skyworth  smart-?box  smart_box  sml-[0-9]  smx4k  srt_?[0-9]
    starsat  sti[0-9]{4}  strong_  stv-  sunvell  supra_[0-9]  svicloud  swtv  t95[a-z]*  tanix
    tcc89[0-9]{2}  tcl_(?:smart|android)  tdtv  technicolor  telefunken  thomson_?[0-9]{2}  tivo_
    toucan_  tox[0-9]  tpm[0-9]{3}e  transpeed  tronsmart  tx[0-9]{1,2}[a-z]?\b  ubox  ugoos
    uni_\(m  vega_s95  vensmile  veolo  vermax  vidaa  videostrong  vision_box  vmp-  vodafone_tv
    vontar  vorke  vu_[0-9]{2}  wechip  wetek  x3_?pro_max  x(?:88|96|98|99)[a-z_._-]  xw-i8
    zappiti  zgemma  zidoo  zxv10
"""

COMPUTERS = r"""
    amigaos  beos  chromebook  \bcros\b  darwin/[0-9.]+\s\((?:i386|power|x86_64)  freebsd  haiku
    imac[0-9]  konqueror  macbook  macintosh  macmini  mac_?os  mdcr_mac  microsoft-
    microsoft\soffice  msdw  ms-?office  netbsd  openbsd  openvms  \bos/2\b  os=mac
    \(pc;\sopenharmony  risc\sos  serenityos  solaris  sunos  syllable  ubuntu  win(?:10|11|7|8)\s
    win(?:16|32|64|9[58]|nt)\b  windows\s(?:[0-9]|nt|server|vista|xp)  x11;
"""
# Laptops that were given Android.
COMPUTER_MODELS = r"""
    aspire_  elitebook  hp_(?:compaq|elitebook|pavilion|probook)  ideapad_[0-9]{3}  inspiron
    latitude  probook  satellite  swift_sf  thinkpad_[elptwx][0-9]  travelmate  vostro
"""

TABLETS = r"""
    /apad  chrome/11\.0\.696\.34  \bipad  ipad[0-9]  kindle  kobo\s  nook\b  playbook  pocketbook
    \bsilk[/-]  tablet\b  tolino  touchpad
"""
TABLET_MODELS = r"""
    1000[0-9]{5}  [0-9]{1,2}bp[a-z]{1,2}[0-9]  21051182  2208128[13]  2[0-9]{4}rp
    [0-9]{3}p[0-9]{2}c  (?:80|81|83|84|90|91|92|94|95)[0-9]{2}[a-z][0-9]?(?:_|\)|_build)
    a(?:10[01]|110|2[01]0|211|5[01][01]|70[01])\b  a[123]-[0-9a]  a(?:70|80|101)[a-z]{1,3}  ac07
    acer_a  actab  adm8  adt_?1  advan_(?:[0-9]{4}|e1c|i7|s7|t[0-9]|x7)  ag[mrs][0-9]?-  ainol
    alldocube  allview_?(?:2?speed|ax|city|viva|wi)  an(?:7|8|9|10)[bcdgh]  aoson  ap-[0-9]{3}
    aquaris_(?:e10|m8|m10)  aquila  arch(?:m|os_?(?:5\b|7[0-9]|8[0-9]|9[0-9]|1[0-9]{2}))  arnova
    assistant  at(?:100|200|300|7|8|10)-?[a-z]?\b  at10le  at[1235]0[0-9]  at1s0  at270
    axioo_pico  azimut
    [0-9a-z_.]*(?:pad|tab)(?:lite|plus|[0-9][0-9a-z]{0,4})?(?:_[^;)]*)?(?:[;)]|_build)  azpen
    b[13]-[0-9a]  bah[0-9]?-
    (?:bc|dl|eg|mt|mw|nb|ns-p|pc|qs|rc|tm-?|ts)(?:07|08|09|10|7[0-9]|8[0-9]|9[0-9])[0-9]{2}[a-z]{0,3}\b
    bg2-  bioniq  bn_nook  bntv  bq-[178][0-9]{3}
    bq_(?:curie|edison|kepler|livingstone|maxwell|pascal)  brt-  btk[r]?-  btouch  btv-  bzt-
    c0?(?:7|10)[0-9]{3,4}  captiva_(?:[0-9]|pad)  chuwi  citi_(?:[0-9]|kids)
    [cnpt]s[178][0-9]{3}[a-z]{2}\b  connect-[23]g  contixo  cpn-  craig  ct(?:7|8|9|10)[0-9]{2}\b
    ctp-?[89]  cube_u[0-9]  cw-(?:hi|v)  d-0[12][a-z]  dby[0-9]?-  dc-[17]  dell_streak
    dell_venue  denver_  dino[0-9]{3}  dragon_touch  dslide  ed[u]?tab  eg[dps][0-9]{3}  egq
    elegance  ellipsis  endeavour  enie_  envizen  estar_  etl-t  ewt[0-9]  explay_informer  ezee
    f-0[125][def]\b  f-10d  facetel  flylife  folio_100  funbook  fz-[abgm]  g[0-9]{1,2}_tab
    gasem  gem10  ginzzu_?_gt  goclever_(?:aries|orion|quantum|r|terra|a[0-9]|i[0-9])  gtkids
    gt-n(?:51|80)  gt-p[0-9]  (?:hd|ky|lg|sh|so)t[0-9]{2}\b  hdl-  hdn-  headwolf  hi10  hi12  hi8
    hipstreet  hope[78]  hp_(?:7|8|10)\b  hp_slate_(?:7|8|10)  hs-[0-9]{1,2}dtb  hs-9
    htc_(?:flyer|jetstream|p510)  hyundai_t[0-9]  i15-t  iball_(?:3g|i[67]|slide)  i-?buddy
    iconia  ideatab  idsq  ieos  impression  informer_7  inm[0-9]{3}  iplay  irbis_t[xzw]  irulu
    iview  iwork[0-9]  jdn[0-9]?-  jt-b1  k01[0-9a-z]\b  k080  k[89][0-9][a-z]{0,2}(?:[;)]|_build)
    kf[a-z]{2,6}\b  kiano_  klipad  km(?:07|08|10)[0-9]{2}  kob[0-9]?-  kurio  lavie_t
    (?:lc|mw)07  lenovo_(?:[abs]?[0-9]{4}-|a[1-9]-|b[68]0|pb-|s[56]000|tb|yt)  le_pan
    lg-(?:uk|v)[0-9]{3}  lifetab  lightyear  livecore  loox  m76
    m(?:7|8|9|10)_(?:3g|4g|wifi|plus|kids)  m(?:7|8|9|10)(?:qf|sq?c?_)  matrixpad  maven  maxpad
    maxwell  me[0-9]{3}[a-z]  medion_?_[ps]1?[0-9]  megafon_(?:login|v9)  mfc[0-9]  mi-?7[0-9]{2}
    micromax_p[0-9]{3}  mid_?[0-9]{2}  midc[0-9]  m-(?:ipro|mp1|sp)  mito_t[0-9]  mixzo
    m-mp(?:8|9)  mobii  modecom_free  momo[0-9]  mon-  mp7[0-9]{3}  mp(?:8|9|10)[0-9]{2}[a-z]?\b
    mpqc  mrr-  mrx-  msi_(?:enjoy|primo)  \bmt7a  mz6[01][0-9]  nabi  nexo_  next(?:7|8|10)
    nextbook  nexus_(?:10|7|9)\b  noblex_t  nokia_t[0-9]{2}  nomi_c[01]  novo  ns-p[0-9]
    nt_(?:07|08|09|10|37|38)  numy  nx(?:a[0-9]|16a|008)  odys_  ona[0-9]{2}tb  ond?a_v[0-9]{3}
    opd[0-9]{4}  optik  optima_[0-9]  ov-  ov10  oysters_t  p0[0-2][0-9a-z]\b
    p[0-9]{2}(?:h|hd|s)?_(?:eea|row|rus?)  p[78][0-9](?:h|hd|s|t)\b  pa[0-9]{4}\b  pb-[0-9]{4}
    pcb-  pixel_(?:c|tablet)\b  pixus_  plane_[0-9]  playtab  plt[0-9]{4}  pmid[0-9]{3}
    pm[pt][0-9]{3,4}  pndp  point_of_view  polaroid  positivo_t[0-9]  pov_tab  pp4mt  primo[78]
    ptbl  qmv7  qta(?:ir|q|sun|xia)  qumo_  rapax  rapid_?(?:7|10)  rct[0-9]  readboy  ritmix_rmd
    rmd-[0-9]  rmp[0-9]{4}  roverpad  rt[12]\b  s7-[0-9]{3}  sc-0(?:1[ce]|2d)  sc_(?:7|9|10)[0-9]
    sch-i(?:705|800|905|915|925)  scm[r]?-  senkatel  sgh-i(?:467|497|957)  sgh-i987
    sgh-t(?:779|849|859|869)  sgp[0-9]{3}  sgpt  sh-08e  sht-  shv-e230
    sh[vw]-(?:e1[45]|m18|m3[08]|m4[38])0  shw-m500  sk-mtek  skytex  slate_?(?:7|8|10)\b  slide_
    smartq  smarttab  sm-[ptx][0-9]  sn10t  sn(?:14|70|97)t  so-03e  sony_?(?:sgp|so-03)
    sony_tablet  sp_?70[0-9]  spc_gr  sph-p[15]00  spng?[0-9]{3}  st[0-9]{5}  stm72  storex
    streak  sunstech  superion  supernova  supra_m  t1-  t10[0-9][a-z]  t[0-9]{2}-eea  t70[0-9]{2}
    t(?:74|84)[a-z]  ta[cdq]-  tagi  tbd[a-z]?[0-9]+  tb-?[0-9x]  td?t[0-9]{4}_  teclast
    tecno_p[0-9]{3}  tegranote  tel-[0-9]+g  texet_tm-[789]  tf10[01]  tf[1-7]0[0-9]t  tm[18]0
    tm-[789][0-9]{3}  tm-mid  torex  touchlet  tp(?:7|8|9|10)[-.]  tpc-[0-9]  tpc[0-9]{4}
    tr[0-9]{4}\b  transformer  treq  trio-  turbopad  twinmos  tx[0-9]{2}\b  tz[0-9]{2,3}
    u[0-9]{1,2}gt  ubislate  unowhy  ursus  utok  v(?:811|819|891|919|975|989)[a-z]*\b  vandroid
    vankyo  v[fd]{1,2}_?1[0-9]00  via_t  viewpad  vonino  vrd-  vt[0-9]{2}[a-z]?\b  wave-i  wexler
    wgr-  winnovo  woxter_(?:nimbus|pc|qx|sx)  ws[0-9]{3}c  xelio  xeno10  xoom  x-?style  yarvik
    ypy  yt3-  yt-?[jx][0-9]  yuntab  zoom(?:-h)?\)
"""

PHONES = r"""
    bb10  blackberry  brew\smp  docomo/  iemobile  iph[0-9]  \biphone  j2me  kaios  kddi-  maui
    midp  mmp/[0-9]  mobile  nokia  opera\smini  palm  psp  rex;  screen-[0-9]+x  series\s?[46]0
    symb(?:ian|os)  tizen  up\.browser  wap[\s_-]?browser  windows\s(?:ce|mobile|phone)
"""
# Telephones some of whose agents lack the word Mobile.
PHONE_MODELS = r"""
    acer_liquid  alcatel_one_touch_[4-7][0-9]{3}  celkon_[aq]  cph[0-9]{4}  cubot  fairphone
    galaxy_(?:a|j|nexus|note|s)[0-9_]?  gt-(?:[bis][0-9]|n7)  htc[0-9_]  htc_
    huawei[_-](?:c8|g[5-7]|u8|y[3-9])  im-a[0-9]  iq[0-9]{3}\b  lg-[a-z]{2}[0-9]{3}
    lg-?[dfhklmpqx][0-9]{2,3}  lumia  m20[0-9]{2}[cj]  mi_(?:[0-9]|a[0-9]|max|mix|note)
    micromax_[aq]  moto_  nexus_(?:4|5|6|one|s)\b  oneplus  pantech  pixel_[0-9x]  poco
    redmi_(?:[0-9]|note)  rmx[0-9]{4}  (?:samsung-)?sm-[acfgjmns][0-9]  sch-[ir][0-9]  sgh-
    sony_?[c-h][0-9]{4}  sony_?ericsson  sony(?:lt|mt|st|xm)  sph-  tecno_[a-z0-9]+  vivo  xbot_
    xl39h  xolo  xperia  xt[0-9]{3,4}
"""

# Programs that play for a person without naming what they run on.
PLAYERS = r"""
    (?:audio|cast|fm|music|player|radio)(?:s|/|\s)  lavf/  libvlc  mpv\s  vlc/
"""
