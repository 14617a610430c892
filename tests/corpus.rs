//! t
#[test]
fn show() {
    use seedbed::manifest::*;
    let dir = std::env::vars().find(|v| v.0 == "CORP").map(|v| v.1).unwrap();
    let mut paths: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "yaml"))
        .collect();
    paths.sort();
    for p in paths {
        let name = p.file_name().unwrap().to_string_lossy().into_owned();
        let s = vec![Source::new(name.clone(), std::fs::read_to_string(&p).unwrap())];
        let l = load(&s, &Options::default());
        println!("##### {name} {:?}", l.counts);
        for f in &l.findings {
            println!("   {f}");
        }
    }
}
