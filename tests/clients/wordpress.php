<?php
// Runs the plugin with the few functions of WordPress that it calls, as WordPress documents them.
//
//     php wordpress.php PATH-OF-onlookers.php [COUNTER]
//
// Writes a page with what the shortcode becomes, for a counter at that address.

error_reporting(E_ALL);
ini_set('display_errors', 'stderr');
set_error_handler(function ($level, $message, $file, $line) {
    throw new ErrorException($message, 0, $level, $file, $line);
});

const ABSPATH = '/';
$options = array();
$shortcodes = array();
$actions = array();
$widgets = array();
$fields = array();
$permalink = null;

function get_option($name, $default = false) { global $options; return $options[$name] ?? $default; }
function untrailingslashit($text) { return rtrim($text, '/\\'); }
function esc_attr($text) { return htmlspecialchars($text, ENT_QUOTES, 'UTF-8', false); }
function esc_html__($text, $domain) { return esc_attr($text); }
function __($text, $domain) { return $text; }
function esc_url($url) {
    $url = preg_replace('|[^a-z0-9-~+_.?#=!&;,/:%@$\|*\'()\[\]\\x80-\\xff]|i', '', $url);
    return preg_match('|^https?://|', $url) ? str_replace(array('&', "'"), array('&#038;', '&#039;'), $url) : '';
}
function wp_parse_url($url, $component) { return parse_url($url, $component); }
function home_url($path) { return 'https://example.com/blog' . $path; }
function is_singular() { global $permalink; return $permalink !== null; }
function get_permalink() { global $permalink; return $permalink; }
function shortcode_atts($pairs, $given, $name) { return array_merge($pairs, array_intersect_key((array) $given, $pairs)); }
function add_shortcode($name, $function) { global $shortcodes; $shortcodes[$name] = $function; }
function add_action($name, $function) { global $actions; $actions[$name] = $function; }
function register_widget($class) { global $widgets; $widgets[] = new $class(); }
function register_setting($group, $name, $how) { assert_same('esc_url_raw', $how['sanitize_callback']); }
function add_settings_field($name, $title, $function, $page) { global $fields; $fields[$name] = $function; }

class WP_Widget {
    public function __construct($id, $name) {}
    public function get_field_name($name) { return "widget-onlookers[2][$name]"; }
}

function assert_same($wanted, $seen) {
    if ($wanted !== $seen) {
        fwrite(STDERR, 'wanted ' . var_export($wanted, true) . "\nseen   " . var_export($seen, true) . "\n");
        debug_print_backtrace();
        exit(1);
    }
}

function shown($function, ...$arguments) {
    ob_start();
    $function(...$arguments);
    return ob_get_clean();
}

function tag($one, $two, $alt = 'Users online') {
    return "<img loading=\"lazy\" srcset=\"$one, $two 2x\" width=\"200\" height=\"30\" alt=\"$alt\">";
}

require $argv[1];

$shortcode = $shortcodes['onlookers'];
assert_same('', $shortcode(array()));
$options['onlookers_counter'] = 'https://count.example/';
$picture = 'https://count.example/online.png';
assert_same(tag($picture, "$picture?scale=2"), $shortcode(''));
assert_same(tag("$picture?page=%2Fblog%2F", "$picture?page=%2Fblog%2F&#038;scale=2"), $shortcode(array('page' => 'auto')));
$permalink = 'https://example.com/2026/r%C3%A9els/';
assert_same(
    tag("$picture?page=%2F2026%2Fr%C3%A9els%2F", "$picture?page=%2F2026%2Fr%C3%A9els%2F&#038;scale=2"),
    $shortcode(array('page' => 'auto'))
);
// Authors may write shortcodes, and no markup: nothing gets out of an attribute, or into another parameter.
assert_same(
    tag(
        "$picture?page=%2Fa%2C%20b%26c%23%22%3E%3Cscript%3E&#038;label=%22%3E%26%27",
        "$picture?page=%2Fa%2C%20b%26c%23%22%3E%3Cscript%3E&#038;label=%22%3E%26%27&#038;scale=2",
        '&quot;&gt;&amp;&#039;'
    ),
    $shortcode(array('page' => '/a, b&c#"><script>', 'label' => '">&\'', 'onload' => 'alert(1)'))
);
$options['onlookers_counter'] = 'javascript:alert(1)';
assert_same(tag('', ''), $shortcode(''));

$options['onlookers_counter'] = 'https://count.example';
$actions['widgets_init']();
$around = array('before_widget' => '<section>', 'after_widget' => '</section>');
assert_same('<section>' . tag($picture, "$picture?scale=2") . '</section>', shown(array($widgets[0], 'widget'), $around, array()));
assert_same(
    '<section>' . $shortcode(array('page' => 'auto')) . '</section>',
    shown(array($widgets[0], 'widget'), $around, array('each_page' => true))
);
assert_same(array('each_page' => true), $widgets[0]->update(array('each_page' => 'on', 'other' => 1), array()));
assert_same(
    '<p><label><input type="checkbox" name="widget-onlookers[2][each_page]" checked> Each page has a number of its own</label></p>',
    shown(array($widgets[0], 'form'), array('each_page' => true))
);

$options['onlookers_counter'] = '"><script>';
$actions['admin_init']();
assert_same(false, strpos(shown($fields['onlookers_counter']), '<script>'));

$options['onlookers_counter'] = $argv[2] ?? 'https://count.example';
$permalink = null;
echo "<!doctype html>\n<html lang=\"en\">\n<title>A page of WordPress</title>\n<p>", $shortcode(''), "\n";
